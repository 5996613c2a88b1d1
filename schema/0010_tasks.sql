-- Tasks (待办): what only a person can do; opened and closed by the steps of a renewal, done by people.

-- Open a task, or say anew what an open one is about.  An open task keeps its usual deadline and the person it was
-- given to; one that follows another of its kind which nobody closed (a QR code that ran out) inherits when
-- somebody else is told: making the code anew is no progress.
create function task_open(p_renewal bigint, p_task jsonb) returns void language plpgsql as $$
declare v_last tasks; v_given bigint; v_tell timestamptz := (p_task->>'escalate_at')::timestamptz;
begin
  select * into v_last from tasks where renewal_id = p_renewal and kind = p_task->>'kind' order by id desc limit 1;
  if v_last.id = (p_task->>'seen')::bigint and v_last.closed_by is not null then
    return; -- a person answered while the step that asks again was under way: their answer has woken the renewal
  end if;
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
    due_at = case when p_task ? 'due_is_usual' or not p_task ? 'due_at' then coalesce(tasks.due_at, excluded.due_at) else excluded.due_at end;
end $$;

create function tasks_close(p_renewal bigint, p_kinds text[], p_state text) returns void language sql as $$
  update tasks set state = p_state, secret = null, closed_at = clock_timestamp()
  where renewal_id = p_renewal and kind = any (p_kinds) and state = 'open'
$$;

-- Whether P is the one person a task was given to: its assignee, or who stands in for the assignee today.  What a
-- handler does for a legal entity (授权委托书) only an authorised deputy may.
create function task_is_given_to(p_person bigint, t task_items) returns boolean language sql stable as $$
  select t.assignee_id is not null and (t.assignee_id = p_person or coalesce(t.deputy_id = p_person
    and (t.role <> 'handler' or t.legal_entity_id is null or is_authorised(p_person, t.legal_entity_id, office_day())), false))
$$;

create function task_may(p jsonb, t task_items) returns boolean language sql stable as $$
  select case
    when task_is_given_to((p->>'person')::bigint, t) then true
    when p->>'role' = 'admin' then t.role <> 'handler' -- acts of the handler are nobody else's
    when t.assignee_id is not null then false
    else p->>'role' = t.role::text end
    and in_scope(coalesce(t.set_unit_id, t.workstation_unit_id), (p->>'unit')::bigint)
$$;

create function task_done(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare t task_items; v_need text; v_effect text; f jsonb; v_commit boolean := commits(d);
begin
  perform from renewals where id = (select renewal_id from tasks where id = p_id) for update; -- before its tasks, as a step does
  perform from tasks where id = p_id for update;
  select * into t from task_items where id = p_id;
  if not found then
    raise exception 'there is no task %', p_id using errcode = 'XQ404';
  elsif not task_may(p, t) then
    raise exception 'task % is for %', p_id, t.owner using errcode = 'XQ403';
  elsif t.state <> 'open' then
    raise exception 'task % is closed already', p_id using errcode = 'XQ409';
  elsif t.kind = 'export' then
    raise exception 'task % ends by itself, once no approved order is left out of a file: xuqi payment export', p_id using errcode = 'XQ409';
  elsif t.secret is not null then -- a code is alive until the CA says otherwise, and there is never a second one
    raise exception 'task % ends by itself: when the CA tells that its code was used, or when it runs out (%)', p_id, t.due_at using errcode = 'XQ409';
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
  perform card_check(p_id, coalesce(d->'values', '{}'));
  v_effect := case t.kind when 'pin' then 'clears the bar on the stored PIN and queues the installation again'
    when 'bound_account' then 'keeps the account with the binding'
    when 'rebind' then 'keeps the account with the binding'
    when 'token_moved' then 'lets the token be used at the other workstation'
    else 'wakes the renewal' end;
  if v_commit then
    for f in select jsonb_array_elements(coalesce(d->'files', '[]')) loop
      insert into task_files (task_id, n, name, media_type, size, mark, content)
      values (p_id, (f->>'n')::int, f->>'name', coalesce(f->>'media_type', 'application/octet-stream'), (f->>'size')::bigint, f->>'mark',
        decode(f->>'content_b64', 'base64'));
    end loop;
    update tasks set state = 'done', secret = null, answer = coalesce(d->'values', '{}'), closed_at = clock_timestamp(),
      closed_by = (p->>'person')::bigint where id = p_id;
    if t.kind = 'pin' and d->'values'->>'remedy' = 'cleared' then
      update pin_attempts set cleared_by = (p->>'person')::bigint, cleared_at = clock_timestamp()
        where token_id = t.token_id and cleared_at is null;
    elsif t.kind in ('bound_account', 'rebind') then
      perform binding_account(t.renewal_id, d->'values'->>'wechat', case t.kind when 'rebind' then (p->>'person')::bigint end);
    elsif t.kind = 'token_moved' and d->'values'->>'move' = 'yes' then
      update tokens set workstation_id = t.workstation_id, present = false where id = t.token_id;
    end if;
    if t.renewal_id is not null then
      insert into journal (renewal_id, event, by, text) values (t.renewal_id, 'task_done', p->>'login', t.kind || ': ' || t.title);
      perform renewals_wake(array[t.renewal_id]);
    end if;
    perform audit_add(p->>'login', 'task.done', 'task:' || p_id, jsonb_build_object('kind', t.kind, 'values', (d->'values') || coalesce(d->'value_marks', '{}'),
      'files', (select jsonb_agg(x->>'mark') from jsonb_array_elements(d->'files') x)));
  end if;
  return jsonb_build_object('committed', v_commit, 'task', p_id, 'kind', t.kind, 'effect', v_effect);
end $$;

-- ---------------------------------------------------------------- who else

-- Everybody who holds a valid token of ROLE, for the unit.
create function people_of_role(p_role person_role, p_unit bigint) returns setof bigint language sql stable as $$
  select distinct t.person_id from api_tokens t
  where t.role = p_role and t.revoked_at is null and t.expires_at > now() and in_scope(p_unit, t.unit_id)
$$;

-- The person with this login, or a refusal.
create function person_named(p_login text) returns bigint language plpgsql stable as $$
declare v_id bigint;
begin
  select id into v_id from people where login = p_login;
  if v_id is null then
    raise exception 'there is nobody with the login %', coalesce(p_login, '(none)') using errcode = 'P0001';
  end if;
  return v_id;
end $$;

-- The legal entities, of those that PERSON handles certificates or open tasks for, that OTHER is not authorised for.
create function entities_not_covered(p_person bigint, p_other bigint, p_until date) returns text language sql stable as $$
  select string_agg(e.name || ' (' || e.uscc || ')', ', ' order by e.id) from legal_entities e
  where not is_authorised(p_other, e.id, p_until) and (
    exists (select from certificate_sets s where s.legal_entity_id = e.id and s.handler_id = p_person)
    or exists (select from task_items k where k.legal_entity_id = e.id and k.state = 'open' and k.role = 'handler' and k.assignee_id = p_person)
    or exists (select from renewals r join certificate_sets s on s.id = r.set_id join renewal_states v on v.state = r.state
               where s.legal_entity_id = e.id and r.handler_id = p_person and not v.final))
$$;

-- Give one open task to somebody: an authorised handler for a handler's, else somebody with the task's role.
create function task_assign(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare t task_items; v_to bigint := person_named(d->>'to');
begin
  perform from tasks where id = p_id for update;
  select * into t from task_items where id = p_id;
  if not found or not in_scope(coalesce(t.set_unit_id, t.workstation_unit_id), (p->>'unit')::bigint) then
    raise exception 'there is no task %', p_id using errcode = 'XQ404';
  elsif t.state <> 'open' then
    raise exception 'task % is closed already', p_id using errcode = 'XQ409';
  elsif t.role = 'handler' and t.legal_entity_id is not null and not is_authorised(v_to, t.legal_entity_id, office_day()) then
    raise exception '% has no valid 授权委托书 for the legal entity of %: record it with xuqi token create --legal-entity --authorised-until',
      d->>'to', t.holder using errcode = 'XQ403';
  elsif t.role <> 'handler' and not exists (
      select from people_of_role(t.role, coalesce(t.set_unit_id, t.workstation_unit_id)) o where o = v_to) then
    raise exception '% has no valid token with the role % for this unit', d->>'to', t.role using errcode = 'XQ403';
  end if;
  if commits(d) then
    update tasks set assignee_id = v_to, assigned_by = (p->>'person')::bigint where id = p_id;
    if t.renewal_id is not null then
      insert into journal (renewal_id, event, by, text)
      values (t.renewal_id, 'task_assigned', p->>'login', t.kind || ': from ' || t.owner || ' to ' || (d->>'to'));
    end if;
    perform audit_add(p->>'login', 'task.assigned', 'task:' || p_id,
      jsonb_build_object('kind', t.kind, 'from', t.owner, 'to', d->>'to'));
  end if;
  return jsonb_build_object('committed', commits(d), 'task', p_id, 'kind', t.kind, 'from', t.owner, 'to', d->>'to');
end $$;

-- Leave of LOGIN, with the deputy who sees and does the tasks meanwhile; d.end calls it off.
create function handler_leave(p jsonb, p_login text, d jsonb) returns jsonb language plpgsql as $$
declare v_person bigint := person_named(p_login); v_deputy bigint; v_missing text; v_id bigint;
  v_from date := want_day(d, 'from'); v_until date := want_day(d, 'until');
begin
  if v_person <> (p->>'person')::bigint and not (p->>'role' in ('operator', 'admin') and p->>'unit' is null) then
    raise exception 'the leave of % is set by that person, or an operator or admin of every unit', p_login using errcode = 'XQ403';
  end if;
  if d->>'end' = 'true' then
    update leaves set ended_at = now() where person_id = v_person and ended_at is null and until_on >= office_day();
    perform audit_add(p->>'login', 'handler.leave_ended', 'person:' || v_person, '{}');
    return jsonb_build_object('login', p_login, 'ended', true, 'tasks', 0);
  end if;
  v_deputy := person_named(d->>'deputy');
  if v_from is null or v_until is null then
    raise exception 'a leave wants its first and last day: --from 2026-12-01 --until 2026-12-05' using errcode = 'P0001';
  elsif v_until not between v_from and v_from + 366 then
    raise exception 'a leave ends on its first day or later, and within a year: % to % does not', v_from, v_until using errcode = 'P0001';
  elsif v_deputy = v_person then
    raise exception 'nobody stands in for themselves: name another person than % as --deputy', p_login using errcode = 'P0001';
  end if;
  v_missing := entities_not_covered(v_person, v_deputy, v_until);
  if v_missing is not null then
    raise exception '% has no 授权委托书 until % for %: record it with xuqi token create --legal-entity --authorised-until',
      d->>'deputy', d->>'until', v_missing using errcode = 'XQ403';
  end if;
  update leaves set ended_at = now() where person_id = v_person and ended_at is null
    and from_on <= v_until and until_on >= v_from;
  insert into leaves (person_id, deputy_id, from_on, until_on, set_by)
  values (v_person, v_deputy, v_from, v_until, (p->>'person')::bigint) returning id into v_id;
  perform audit_add(p->>'login', 'handler.leave', 'person:' || v_person, jsonb_build_object('leave', v_id, 'from', d->>'from',
    'until', d->>'until', 'deputy', d->>'deputy'));
  return jsonb_build_object('login', p_login, 'ended', false, 'from', d->>'from', 'until', d->>'until', 'deputy', d->>'deputy',
    'tasks', (select count(*) from tasks where assignee_id = v_person and state = 'open'));
end $$;

-- ---------------------------------------------------------------- deadlines

create table advice ( -- what xuqid noticed about itself, for the doctor; gone when it is over
  area   text primary key,
  level  text not null constraint advice_level check (level in ('warn', 'fail')),
  text   text not null,
  remedy text not null,
  since  timestamptz not null default now()
);
create function advise(p_area text, p_level text, p_text text, p_remedy text) returns void language sql as $$
  delete from advice where area = p_area and p_text is null;
  insert into advice (area, level, text, remedy) select p_area, p_level, p_text, p_remedy where p_text is not null
  on conflict (area) do update set level = excluded.level, text = excluded.text, remedy = excluded.remedy;
$$;

create table task_escalations ( -- who was told that a task was not done in time
  id        bigint generated always as identity primary key,
  task_id   bigint not null references tasks,
  level     int not null, -- 1: the deputy · 2: the role that follows · 3: the admins
  person_id bigint not null references people,
  at        timestamptz not null default now(),
  constraint task_escalations_once unique (task_id, level, person_id)
);
create index task_escalations_by_person on task_escalations (person_id, task_id);

-- A task that came without a deadline gets one at once.
create function tasks_tell() returns trigger language plpgsql as $$
begin
  perform pg_notify('xuqi_tasks', '');
  return null;
end $$;
create trigger tasks_without_deadline after insert on tasks for each row when (new.due_at is null) execute function tasks_tell();

-- Tell somebody else of a task that is not done: the deputy, then the people of the role that follows, then the admins.
-- Nobody is skipped over in silence: a level without people passes on to the next.
create function task_escalate(p_task bigint, p_tell_role person_role) returns void language plpgsql as $$
declare t task_items; v_level int; v_told text;
begin
  select * into t from task_items where id = p_task;
  v_level := t.escalations;
  while v_told is null and v_level < 3 loop
    v_level := v_level + 1;
    with told as (
      insert into task_escalations (task_id, level, person_id)
      select p_task, v_level, o.person from (
        select standing_deputy(t.assignee_id) as person where v_level = 1
        union select x from people_of_role(p_tell_role, coalesce(t.set_unit_id, t.workstation_unit_id)) x where v_level = 2
        union select x from people_of_role('admin', coalesce(t.set_unit_id, t.workstation_unit_id)) x where v_level = 3) o
      where o.person is not null and o.person is distinct from t.assignee_id
      on conflict do nothing returning person_id)
    select string_agg(m.login, ', ' order by m.login) into v_told from told join people m on m.id = told.person_id;
  end loop;
  update tasks set escalations = v_level where id = p_task;
  if t.renewal_id is not null then
    insert into journal (renewal_id, event, by, text) values (t.renewal_id, 'task_escalated', 'xuqid',
      t.kind || ': ' || t.owner || ' has not done it; told: ' || coalesce(v_told, 'nobody is left to tell'));
  end if;
  perform audit_add('xuqid', 'task.escalated', 'task:' || p_task, jsonb_build_object('kind', t.kind, 'level', v_level, 'told', v_told));
end $$;

-- Deadlines as the calendar gave them: [{id, due_at, escalate_at, escalations, tell_role}]; escalations is what was
-- read, so that two workers tell once.
create function tasks_tend(p_list jsonb) returns bigint language plpgsql as $$
declare e record; v_count bigint := 0;
begin
  for e in
    select k.id, k.escalate_at <= now() and k.escalations < 3 as late, x.tell_role, x.due_at, x.escalate_at
    from jsonb_to_recordset(p_list) as x(id bigint, due_at timestamptz, escalate_at timestamptz, escalations int, tell_role person_role)
    join tasks k on k.id = x.id and k.state = 'open' and k.escalations = x.escalations order by k.id for update of k
  loop
    if e.late then
      perform task_escalate(e.id, e.tell_role);
    end if;
    update tasks set due_at = coalesce(due_at, e.due_at), escalate_at = case when escalations >= 3 then 'infinity' else e.escalate_at end
      where id = e.id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
