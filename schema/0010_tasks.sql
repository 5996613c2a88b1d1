-- Tasks (待办): what only a person can do; opened and closed by the steps of a renewal, done by people.

-- Open a task, or say anew what an open one is about.  An open task keeps its usual deadline and the person it was
-- given to; one that follows another of its kind which nobody closed (a QR code that ran out) inherits when
-- somebody else is told: making the code anew is no progress.
create function task_open(p_renewal bigint, p_task jsonb) returns void language plpgsql as $$
declare v_last tasks; v_given bigint; v_tell timestamptz := (p_task->>'escalate_at')::timestamptz;
begin
  select * into v_last from tasks where renewal_id = p_renewal and kind = p_task->>'kind' order by id desc limit 1;
  if v_last.state <> 'open' and v_last.closed_by is null and v_last.opened_at > now() - interval '30 days' then
    v_tell := least(v_last.escalate_at, v_tell);
    v_given := case when v_last.assigned_by is not null then v_last.assignee_id end;
  end if;
  insert into tasks (kind, renewal_id, workstation_id, token_id, role, assignee_id, assigned_by, title, instruction,
    if_ignored, needs, values, secret, due_at, escalate_at, escalations)
  values (p_task->>'kind', p_renewal, (p_task->>'workstation')::bigint, (p_task->>'token')::bigint,
    (p_task->>'role')::person_role, coalesce(v_given, (p_task->>'assignee')::bigint),
    case when v_given is not null then v_last.assigned_by end, p_task->>'title', p_task->>'instruction',
    p_task->>'if_ignored', coalesce(p_task->'needs', '[]'), coalesce(p_task->'values', '{}'),
    p_task->>'secret', (p_task->>'due_at')::timestamptz, v_tell,
    case when v_tell < (p_task->>'escalate_at')::timestamptz then v_last.escalations else 0 end)
  on conflict (kind, renewal_id) where state = 'open' and renewal_id is not null
  do update set values = excluded.values, secret = excluded.secret, instruction = excluded.instruction,
    title = excluded.title,
    due_at = case when p_task ? 'due_is_usual' then coalesce(tasks.due_at, excluded.due_at) else excluded.due_at end;
end $$;

create function tasks_close(p_renewal bigint, p_kinds text[], p_state text) returns void language sql as $$
  update tasks set state = p_state, secret = null, closed_at = clock_timestamp()
  where renewal_id = p_renewal and kind = any (p_kinds) and state = 'open'
$$;

create function task_may(p jsonb, t task_items) returns boolean language sql stable as $$
  select case
    when t.assignee_id is not null and t.assignee_id = (p->>'person')::bigint then true
    when p->>'role' = 'admin' then t.role <> 'handler' -- acts of the handler are nobody else's
    when t.assignee_id is not null then false
    else p->>'role' = t.role::text end
    and in_scope(coalesce(t.set_unit_id, t.workstation_unit_id), (p->>'unit')::bigint)
$$;

create function task_done(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare t task_items; v_need text; v_effect text; f jsonb; v_commit boolean := commits(d);
begin
  perform from tasks where id = p_id for update;
  select * into t from task_items where id = p_id;
  if not found then
    raise exception 'there is no task %', p_id using errcode = 'XQ404';
  elsif not task_may(p, t) then
    raise exception 'task % is for %', p_id, coalesce(t.assignee, t.role::text) using errcode = 'XQ403';
  elsif t.state <> 'open' then
    raise exception 'task % is closed already', p_id using errcode = 'XQ409';
  end if;
  for v_need in select jsonb_array_elements_text(t.needs) loop
    if v_need = 'file' and jsonb_array_length(coalesce(d->'files', '[]')) = 0 then
      raise exception 'task % wants a file: add --attach FILE', p_id using errcode = 'P0001';
    elsif v_need <> 'file' and coalesce(d->'values'->>v_need, '') = '' then
      raise exception 'task % wants %: add --set %=…', p_id, v_need, v_need using errcode = 'P0001';
    elsif v_need = 'retry' and d->'values'->>'retry' <> 'yes' then
      raise exception 'task % is finished with retry=yes only, once a retry makes sense', p_id using errcode = 'P0001';
    end if;
  end loop;
  v_effect := case t.kind when 'pin' then 'clears the bar on the stored PIN and queues the installation again'
    when 'token_moved' then 'lets the token be used at the other workstation'
    else 'wakes the renewal' end;
  if v_commit then
    for f in select jsonb_array_elements(coalesce(d->'files', '[]')) loop
      insert into task_files (task_id, name, media_type, sha256, content)
      values (p_id, f->>'name', f->>'media_type', encode(sha256(decode(f->>'data_b64', 'base64')), 'hex'), decode(f->>'data_b64', 'base64'));
    end loop;
    update tasks set state = 'done', secret = null, answer = coalesce(d->'values', '{}'), closed_at = clock_timestamp(),
      closed_by = (p->>'person')::bigint where id = p_id;
    if t.kind = 'pin' and d->'values'->>'remedy' = 'cleared' then
      update pin_attempts set cleared_by = (p->>'person')::bigint, cleared_at = clock_timestamp()
        where token_id = t.token_id and cleared_at is null;
    elsif t.kind = 'token_moved' and d->'values'->>'move' = 'yes' then
      update tokens set workstation_id = t.workstation_id, present = false where id = t.token_id;
    end if;
    if t.renewal_id is not null then
      insert into journal (renewal_id, event, by, text) values (t.renewal_id, 'task_done', p->>'login', t.kind || ': ' || t.title);
      perform renewals_wake(array[t.renewal_id]);
    end if;
    perform audit_add(p->>'login', 'task.done', 'task:' || p_id, jsonb_build_object('kind', t.kind, 'values', d->'values',
      'files', (select jsonb_agg(x->>'name') from jsonb_array_elements(d->'files') x)));
  end if;
  return jsonb_build_object('committed', v_commit, 'task', p_id, 'kind', t.kind, 'effect', v_effect);
end $$;
