-- What people do, each act one function: it checks that the person may, changes everything or nothing, and
-- leaves an audit entry.  P is the caller {person, login, role, unit}, D the body of the request.

create function refuse(p_state text, p_text text) returns jsonb language plpgsql as $$
begin
  raise exception '%', p_text using errcode = p_state;
end $$;

create function must_be(p jsonb, p_roles text[]) returns void language plpgsql as $$
begin
  if not (p->>'role' = any (p_roles)) then
    raise exception 'role % may not do this; it takes %', p->>'role', array_to_string(p_roles, ' or ') using errcode = 'XQ403';
  end if;
end $$;

-- Only "commit": true commits; a word or a number does not.
create function commits(d jsonb) returns boolean language sql immutable as $$
  select coalesce(d->'commit' = 'true', false)
$$;

-- Who is bound to a unit may act on that unit only; what belongs to no unit is for those who are not.
create function must_be_in_scope(p jsonb, p_unit bigint, p_what text) returns void language plpgsql as $$
begin
  if not in_scope(p_unit, (p->>'unit')::bigint) then
    raise exception '% is outside your scope', p_what using errcode = 'XQ403';
  end if;
end $$;

create function want_list(d jsonb, p_member text) returns void language plpgsql as $$
begin
  if jsonb_typeof(d->p_member) is distinct from 'array' then
    raise exception '% must be a list', p_member using errcode = 'P0001';
  end if;
end $$;

create function is_instant(p_text text) returns boolean language plpgsql stable as $$
begin
  return p_text ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$' and p_text::timestamptz is not null;
exception when others then
  return false;
end $$;

-- {items, next_cursor} of up to LIM items, of which one more was selected.
create function page(p_items jsonb, p_limit int) returns jsonb language sql immutable as $$
  select jsonb_build_object(
    'items', coalesce((select jsonb_agg(e order by o) from jsonb_array_elements(p_items) with ordinality x(e, o) where o <= p_limit), '[]'),
    'next_cursor', case when jsonb_array_length(p_items) > p_limit then p_items->(p_limit - 1)->>'id' end)
$$;
create function page_limit(q jsonb) returns int language sql immutable as $$
  select greatest(1, least(200, coalesce((q->>'limit')::int, 50)))
$$;

-- ---------------------------------------------------------------- organisation, tokens

create function organisation_apply(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare e jsonb; a jsonb; u jsonb; v_entity bigint; v_parent bigint; v_counts jsonb;
begin
  perform must_be_in_scope(p, null, 'the organisation');
  perform want_list(d, 'legal_entities');
  for e in select jsonb_array_elements(d->'legal_entities') loop
    insert into legal_entities (name, uscc, tax_id, invoice_title)
    values (e->>'name', e->>'uscc', coalesce(e->>'tax_id', e->>'uscc'), coalesce(e->>'invoice_title', e->>'name'))
    on conflict (uscc) do update set name = excluded.name, tax_id = excluded.tax_id, invoice_title = excluded.invoice_title
    returning id into v_entity;
    for a in select jsonb_array_elements(coalesce(e->'payer_accounts', '[]')) loop
      insert into payer_accounts (legal_entity_id, account, name, bank) values (v_entity, a->>'account', a->>'name', a->>'bank')
      on conflict (account) do update set name = excluded.name, bank = excluded.bank;
    end loop;
    for u in select jsonb_array_elements(coalesce(e->'units', '[]')) loop
      select id into v_parent from units where name = u->>'parent';
      if u->>'parent' is not null and v_parent is null then
        raise exception 'unit %: its parent % is not known; name parents first', u->>'name', u->>'parent' using errcode = 'P0001';
      end if;
      insert into units (legal_entity_id, parent_id, name) values (v_entity, v_parent, u->>'name')
      on conflict (name) do nothing;
    end loop;
  end loop;
  select jsonb_build_object('legal_entities', (select count(*) from legal_entities), 'units', (select count(*) from units),
    'payer_accounts', (select count(*) from payer_accounts)) into v_counts;
  perform audit_add(p->>'login', 'organisation.applied', 'organisation', d);
  return v_counts;
end $$;

create function token_make(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_person bigint; v_unit bigint; v_id bigint; v_entity bigint; v_days int := coalesce((d->>'days')::int, 90);
begin
  if d->>'login' !~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' then
    raise exception 'login: 1 to 64 letters, digits and . _ @ - are expected' using errcode = 'P0001';
  elsif v_days not between 1 and 3650 then
    raise exception 'days is 1 to 3650' using errcode = 'P0001';
  end if;
  if d->>'unit' is not null then
    select id into v_unit from units where name = d->>'unit';
    if v_unit is null then
      raise exception 'there is no unit %', d->>'unit' using errcode = 'P0001';
    end if;
  end if;
  perform must_be_in_scope(p, v_unit, coalesce('unit ' || (d->>'unit'), 'a token for every unit'));
  if exists (select from api_tokens t join people m on m.id = t.person_id where m.login = d->>'login' and not in_scope(t.unit_id, (p->>'unit')::bigint)) then
    raise exception 'the person % is outside your scope', d->>'login' using errcode = 'XQ403';
  end if;
  insert into people (login, name, mobile, email)
  values (d->>'login', coalesce(d->>'name', d->>'login'), d->>'mobile', d->>'email')
  on conflict (login) do update set name = coalesce(d->>'name', people.name), mobile = coalesce(excluded.mobile, people.mobile),
    email = coalesce(excluded.email, people.email)
  returning id into v_person;
  if d->>'legal_entity' is not null then
    select id into v_entity from legal_entities where uscc = d->>'legal_entity';
    if v_entity is null then
      raise exception 'there is no legal entity with 统一社会信用代码 %', d->>'legal_entity' using errcode = 'P0001';
    end if;
    insert into handlers (person_id, legal_entity_id, authorised_until)
    values (v_person, v_entity, (d->>'authorised_until')::date)
    on conflict (person_id, legal_entity_id) do update set authorised_until = excluded.authorised_until;
  end if;
  insert into api_tokens (person_id, role, unit_id, secret_sha256, expires_at)
  values (v_person, (d->>'role')::person_role, v_unit, d->>'secret_sha256',
    now() + make_interval(days => v_days))
  returning id into v_id;
  perform audit_add(p->>'login', 'token.made', 'token:' || v_id, d - '{secret_sha256,mobile,email}'::text[]);
  return jsonb_build_object('id', v_id, 'login', d->>'login', 'role', d->>'role', 'unit', d->>'unit');
end $$;

-- ---------------------------------------------------------------- import of a list of certificates

-- Each row describes one certificate set.  It is the same set as an earlier row, or as one an agent reported,
-- where holder, credit code, service and day of expiry agree; a media number never decides.
create function import_error(r jsonb, p_column text, p_text text) returns jsonb language sql immutable as $$
  select jsonb_build_object('row', case when jsonb_typeof(r) = 'object' then r->'row' end, 'column', p_column, 'text', p_text)
$$;

-- What is wrong with a row by itself, or null.
create function import_fault(r jsonb) returns jsonb language sql stable as $$
  select case
    when jsonb_typeof(r) <> 'object' then import_error(r, '', 'a row must be an object')
    when coalesce(r->>'holder', '') = '' then import_error(r, 'holder', 'the holder (证书用户) is missing')
    when not coalesce(is_instant(r->>'not_after'), false) then
      import_error(r, 'not_after', format('%s is no instant (证书有效期至): write 2027-01-31T15:59:59Z', coalesce(r->>'not_after', 'nothing')))
    when coalesce(r->>'uscc', '') !~ '^([0-9A-Z]{18})?$' then
      import_error(r, 'uscc', format('%s is no 统一社会信用代码: 18 digits and capitals', r->>'uscc')) end
$$;

-- The people, unit and entity that a row names, as {unit, handler, entity}, or {error}.
create function import_names(p jsonb, r jsonb) returns jsonb language plpgsql stable as $$
declare v_unit bigint; v_entity bigint; v_handler bigint; v_scope bigint := (p->>'unit')::bigint;
begin
  select id, legal_entity_id into v_unit, v_entity from units where name = r->>'unit';
  if v_unit is null and coalesce(r->>'unit', '') <> '' then
    return jsonb_build_object('error', import_error(r, 'unit', format('unit %s is not known: add it with xuqi org apply', r->>'unit')));
  elsif not in_scope(v_unit, v_scope) then
    return jsonb_build_object('error', import_error(r, 'unit', format('unit %s is outside your scope', coalesce(nullif(r->>'unit', ''), '(none)'))));
  end if;
  select id into v_handler from people where r->>'handler' in (login, name) order by login = r->>'handler' desc, id limit 1;
  if v_handler is null and coalesce(r->>'handler', '') <> '' then
    return jsonb_build_object('error', import_error(r, 'handler',
      format('handler (经办人) %s is not known: make a token for that person first', r->>'handler')));
  end if;
  return jsonb_build_object('unit', v_unit, 'handler', v_handler,
    'entity', coalesce((select id from legal_entities where uscc = r->>'uscc'), v_entity));
end $$;

-- Put what a row says into the set V_ID; gives what changed.
create function import_over(p_id bigint, r jsonb, n jsonb) returns jsonb language plpgsql as $$
declare v_old jsonb; v_new jsonb; v_differences jsonb;
begin
  select to_jsonb(s) - 'source' into v_old from certificate_sets s where id = p_id for update;
  update certificate_sets s set media_no = coalesce(import_media_no(r), media_no), unit_id = coalesce((n->>'unit')::bigint, unit_id),
    legal_entity_id = coalesce((n->>'entity')::bigint, legal_entity_id), handler_id = coalesce((n->>'handler')::bigint, handler_id),
    custodian = coalesce(nullif(r->>'custodian', ''), custodian), place = coalesce(nullif(r->>'place', ''), place),
    source = case when source = 'agent' then 'both' else source end
  where id = p_id returning to_jsonb(s) - 'source' into v_new;
  select jsonb_agg(jsonb_build_object('row', r->'row', 'holder', r->>'holder', 'service', r->>'service',
      'column', replace(b.key, '_id', ''), 'from', b.value, 'to', v_new->b.key) order by b.key)
    into v_differences from jsonb_each(v_old) b where b.value is distinct from v_new->b.key;
  if v_differences is not null then
    perform renewals_wake(array(select id from renewals where set_id = p_id));
  end if;
  return v_differences;
end $$;

-- 介质编号; the CA writes -- where it has none.
create function import_media_no(r jsonb) returns text language sql immutable as $$
  select case when r->>'media_no' in ('', '--') then null else r->>'media_no' end
$$;

create function certificates_import(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare r jsonb; n jsonb; v_ids bigint[]; v_error jsonb; v_changes jsonb; v_new int := 0; v_changed int := 0; v_same int := 0;
  v_errors jsonb[] := '{}'; v_differences jsonb[] := '{}'; v_committed boolean;
begin
  perform want_list(d, 'rows');
  for r in select jsonb_array_elements(d->'rows') loop
    v_error := import_fault(r);
    if v_error is null then
      n := import_names(p, r);
      v_error := n->'error';
    end if;
    if v_error is null then
      select array_agg(id) into v_ids from certificate_sets s
        where s.holder = r->>'holder' and s.uscc = coalesce(r->>'uscc', '') and s.service = coalesce(r->>'service', '')
          and (s.not_after at time zone 'Asia/Shanghai')::date = ((r->>'not_after')::timestamptz at time zone 'Asia/Shanghai')::date;
      if cardinality(v_ids) > 1 then
        v_error := import_error(r, 'holder',
          format('%s certificates have this holder, service and expiry: a person must tell them apart', cardinality(v_ids)));
      elsif not in_scope((select unit_id from certificate_sets where id = v_ids[1]), case when v_ids is not null then (p->>'unit')::bigint end) then
        v_error := import_error(r, 'holder', 'this certificate is outside your scope');
      end if;
    end if;
    if v_error is not null then
      v_errors := v_errors || v_error;
    elsif v_ids is null then
      insert into certificate_sets (holder, uscc, service, media_no, not_after, unit_id, legal_entity_id, handler_id, custodian, place, source)
      values (r->>'holder', coalesce(r->>'uscc', ''), coalesce(r->>'service', ''), import_media_no(r), (r->>'not_after')::timestamptz,
        (n->>'unit')::bigint, (n->>'entity')::bigint, (n->>'handler')::bigint, coalesce(r->>'custodian', ''), coalesce(r->>'place', ''), 'import');
      v_new := v_new + 1;
    else
      v_changes := import_over(v_ids[1], r, n);
      v_differences := v_differences || array(select jsonb_array_elements(v_changes));
      v_changed := v_changed + (v_changes is not null)::int;
      v_same := v_same + (v_changes is null)::int;
    end if;
  end loop;
  v_committed := cardinality(v_errors) = 0 and commits(d);
  if v_committed then
    perform audit_add(p->>'login', 'certificates.imported', 'certificates',
      jsonb_build_object('new', v_new, 'changed', v_changed, 'same', v_same));
  end if;
  return jsonb_build_object('committed', v_committed, 'new', v_new, 'changed', v_changed, 'same', v_same,
    'errors', to_jsonb(v_errors), 'differences', to_jsonb(v_differences));
end $$;

-- The import as asked for: without commit, or with any error, what it did is undone and only the report stays.
create function certificates_import_checked(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_report jsonb;
begin
  begin
    v_report := certificates_import(p, d);
    if not (v_report->>'committed')::boolean then
      raise exception 'undo' using errcode = 'XQ000';
    end if;
  exception when sqlstate 'XQ000' then null;
  end;
  return v_report;
end $$;

-- ---------------------------------------------------------------- campaigns

create function campaign_make(p jsonb, d jsonb) returns bigint language plpgsql as $$
declare v_id bigint; r jsonb; v_renewal bigint;
begin
  insert into campaigns (name, policy_name, policy, policy_sha256, plan, digest, created_by)
  values (d->>'name', d->>'policy_name', d->'policy', d->>'policy_sha256', d->'plan', d->>'digest', (p->>'person')::bigint)
  returning id into v_id;
  for r in select jsonb_array_elements(d->'plan'->'rows') loop
    insert into renewals (campaign_id, set_id, handler_id, kind, term_years, approved_fen)
    select v_id, s.id, coalesce((select id from people where login = d->'policy'->>'handler'), s.handler_id), (r->>'kind')::renewal_kind, (r->>'term_years')::int, (r->>'price_fen')::bigint
    from certificate_sets s where s.id = (r->>'set')::bigint
    returning id into v_renewal;
    perform renewal_move(v_renewal, 'proposed', 'awaiting_approval', p->>'login', 'planned in campaign ' || (d->>'name'));
  end loop;
  perform audit_add(p->>'login', 'campaign.created', 'campaign:' || v_id, jsonb_build_object('digest', d->>'digest', 'name', d->>'name'));
  return v_id;
end $$;

-- A campaign is for those whose scope holds all of it: its plan is read, signed and run as a whole.
create function campaign_in_scope(p_id bigint, p_scope bigint) returns boolean language sql stable as $$
  select p_scope is null or not exists (select from renewals r join certificate_sets s on s.id = r.set_id
    where r.campaign_id = p_id and not in_scope(s.unit_id, p_scope))
$$;

create function campaign_approve(p jsonb, p_id bigint, d jsonb) returns void language plpgsql as $$
declare c campaigns; g gate; v_approval bigint;
begin
  select * into c from campaigns where id = p_id for update;
  if not found or not campaign_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no campaign %', p_id using errcode = 'XQ404';
  elsif c.created_by = (p->>'person')::bigint then
    raise exception 'who requested a campaign may not approve it: another approver must' using errcode = 'XQ403';
  elsif coalesce(d->>'gate', '') not in ('spend', 'touch', 'all') then
    raise exception 'gate is spend, touch or all' using errcode = 'P0001';
  end if;
  foreach g in array case d->>'gate' when 'all' then array['spend', 'touch']::gate[] else array[d->>'gate']::gate[] end loop
    insert into approvals (campaign_id, gate, digest, requester_id, approver_id)
    values (p_id, g, d->>'digest', c.created_by, (p->>'person')::bigint)
    on conflict on constraint approvals_once do nothing;
    select id into v_approval from approvals
      where campaign_id = p_id and gate = g and digest = d->>'digest' and approver_id = (p->>'person')::bigint;
    if v_approval is null then
      raise exception 'the digest is not the present one: look again (xuqi campaign show %)', p_id using errcode = 'XQ409';
    end if;
    if g = 'spend' then
      update renewals set spend_approval = v_approval where campaign_id = p_id and spend_approval is null
        and state not in (select state from renewal_states where final);
    else
      update renewals set touch_approval = v_approval where campaign_id = p_id and touch_approval is null;
    end if;
    perform audit_add(p->>'login', 'campaign.approved', 'campaign:' || p_id, jsonb_build_object('gate', g, 'digest', d->>'digest'));
    insert into journal (renewal_id, event, by, text)
      select id, g || '_gate_opened', p->>'login', 'digest ' || left(d->>'digest', 16) || '…' from renewals where campaign_id = p_id;
  end loop;
  perform renewals_wake(array(select id from renewals where campaign_id = p_id));
end $$;

create function campaign_run(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare c campaigns; v_missing jsonb; v_count int; v_sum bigint; v_start timestamptz;
begin
  select * into c from campaigns where id = p_id for update;
  if not found or not campaign_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no campaign %', p_id using errcode = 'XQ404';
  elsif c.status = 'finished' then
    raise exception 'campaign % has finished', p_id using errcode = 'XQ409';
  elsif d->>'start_at' is not null and not is_instant(d->>'start_at') then
    raise exception 'start_at: % is no instant: write 2027-01-31T15:59:59Z', d->>'start_at' using errcode = 'P0001';
  elsif c.status = 'running' and c.start_at <= now() then
    raise exception 'campaign % runs since % already', p_id, to_char(c.start_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') using errcode = 'XQ409';
  end if;
  select count(*), coalesce(sum(approved_fen), 0) into v_count, v_sum from renewals where campaign_id = p_id;
  select coalesce(jsonb_agg(g), '[]') into v_missing from unnest(array['spend', 'touch']::gate[]) g
    where not exists (select from approvals a where a.campaign_id = p_id and a.gate = g and a.digest = c.digest);
  v_start := coalesce((d->>'start_at')::timestamptz, now());
  if commits(d) then
    update campaigns set status = 'running', start_at = v_start where id = p_id;
    perform audit_add(p->>'login', 'campaign.run', 'campaign:' || p_id, jsonb_build_object('start_at', v_start));
    perform pg_notify('xuqi_wake', '');
  end if;
  return jsonb_build_object('committed', commits(d), 'campaign', p_id, 'starts_at', v_start,
    'count', v_count, 'amount_fen', v_sum, 'missing_approvals', v_missing);
end $$;

-- ---------------------------------------------------------------- tasks

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

-- ---------------------------------------------------------------- money

-- Put every open order into one file; the bytes are made by the caller and are the same for the same orders.
create function payments_to_export(p jsonb) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'reference', o.reference, 'payer_account', o.payer_account,
    'payer_name', o.payer_name, 'payee_name', o.payee_name, 'payee_account', o.payee_account, 'payee_bank', o.payee_bank,
    'amount_fen', o.amount_fen) order by o.id), '[]')
  from payment_orders o join dues d on d.order_id = o.id join renewals r on r.id = d.renewal_id
  join certificate_sets s on s.id = r.set_id
  where o.status = 'open' and r.state = 'awaiting_payment' and not is_held(s.unit_id) and in_scope(s.unit_id, (p->>'unit')::bigint)
$$;

create function payments_exported(p jsonb, p_ids bigint[], p_csv text, p_total bigint) returns jsonb language plpgsql as $$
declare v_id bigint; v_count int; v_alert text;
begin
  select alert into v_alert from ca_facts where ca = 'gateway';
  if v_alert is not null then
    raise exception '%', v_alert using errcode = 'XQ409';
  end if;
  insert into payment_files (sha256, content, count, total_fen, made_by)
  values (encode(sha256(convert_to(p_csv, 'UTF8')), 'hex'), convert_to(p_csv, 'UTF8'), cardinality(p_ids), p_total, (p->>'person')::bigint)
  returning id into v_id;
  -- what the file was made from must be what may be paid now: still open, not held meanwhile
  update payment_orders o set status = 'exported', file_id = v_id where o.id = any (p_ids) and o.status = 'open'
    and o.id in (select (e->>'id')::bigint from jsonb_array_elements(payments_to_export(p)) e);
  get diagnostics v_count = row_count;
  if v_count <> cardinality(p_ids) or v_count = 0 then
    raise exception 'the open orders changed meanwhile: export again' using errcode = 'XQ409';
  end if;
  perform audit_add(p->>'login', 'payments.exported', 'payment_file:' || v_id,
    jsonb_build_object('count', v_count, 'total_fen', p_total));
  return jsonb_build_object('file', v_id);
end $$;

create function statement_save(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_id bigint; v_new int;
begin
  insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by)
  values (d->>'sha256', d->>'file_name', decode(d->>'data_b64', 'base64'), d->>'encoding', d->>'account',
    (d->>'proven')::boolean, d->'checks', (p->>'person')::bigint)
  on conflict (sha256) do update set file_name = statements.file_name returning id into v_id;
  insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen,
    amount_raw, paid_at, paid_at_raw, paid_at_precision, party_name, party_account, party_bank, memo, bank_serial)
  select v_id, l.* from jsonb_to_recordset(d->'lines') as l(line_key text, row int, byte_offset bigint, raw text, own_account text,
    own_name text, direction text, amount_fen bigint, amount_raw text, paid_at timestamptz, paid_at_raw text,
    paid_at_precision text, party_name text, party_account text, party_bank text, memo text, bank_serial text)
  on conflict (line_key) do nothing;
  get diagnostics v_new = row_count;
  perform audit_add(p->>'login', 'statement.imported', 'statement:' || v_id, jsonb_build_object('sha256', d->>'sha256', 'new', v_new));
  return jsonb_build_object('statement', v_id, 'new', v_new);
end $$;

-- Keep the links and flags of one matching run.  A line or an order that is linked already stays as it is; an older
-- suggestion that this run, which knows more, does not repeat is dropped.
create function links_save(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_auto int; v_suggested int;
begin
  update links o set verdict = 'dropped' where o.verdict = 'suggested' and not exists (
    select from jsonb_to_recordset(d->'links') as l(line bigint, "order" bigint, verdict text)
    where (l.line, l."order", l.verdict) = (o.line_id, o.order_id, 'suggested'));
  with saved as (
    insert into links (line_id, order_id, rule, verdict, text, explanation)
    select l.line, l."order", l.rule, l.verdict, l.text, l.explanation
    from jsonb_to_recordset(d->'links') as l(line bigint, "order" bigint, rule text, verdict text, text text, explanation jsonb)
    on conflict do nothing returning order_id, verdict),
  linked as (update payment_orders o set status = 'linked' from saved s where o.id = s.order_id and s.verdict = 'auto' returning o.id),
  woken as (select renewals_wake(array(select renewal_id from dues where order_id in (select id from linked)))),
  flagged as (
    insert into match_flags (line_id, order_id, rule, text)
    select f.line, f."order", f.rule, f.text
    from jsonb_to_recordset(d->'flags') as f(line bigint, "order" bigint, rule text, text text)
    on conflict on constraint match_flags_once do nothing)
  select count(*) filter (where verdict = 'auto'), count(*) filter (where verdict = 'suggested') into v_auto, v_suggested
    from saved, woken;
  update tasks set state = 'done', closed_at = clock_timestamp(), answer = '{"by":"xuqid"}'
    where kind = 'finance_match' and state = 'open' and not exists (select from links where verdict in ('suggested', 'confirmed'));
  if v_suggested > 0 and not exists (select from tasks where kind = 'finance_match' and state = 'open') then
    insert into tasks (kind, role, title, instruction, if_ignored, values)
    values ('finance_match', 'finance', 'A transfer without its reference waits for a decision',
      'Look at xuqi match list --verdict suggested and explain ID; confirm what is right. A second person of finance releases it.',
      'The transfer is not declared to the CA.', jsonb_build_object('suggested', v_suggested));
  end if;
  return jsonb_build_object('auto', coalesce(v_auto, 0), 'suggested', coalesce(v_suggested, 0));
end $$;

create function match_in_scope(p_id bigint, p_scope bigint) returns boolean language sql stable as $$
  select exists (select from match_items where id = p_id and in_scope(unit_id, p_scope))
$$;

create function match_confirm(p jsonb, p_id bigint, d jsonb) returns void language plpgsql as $$
declare l links;
begin
  select * into l from links where id = p_id for update;
  if not found or not match_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no match %', p_id using errcode = 'XQ404';
  elsif l.verdict <> 'suggested' then
    raise exception 'match % is % and takes no confirmation', p_id, l.verdict using errcode = 'XQ409';
  end if;
  if commits(d) then
    update links set verdict = 'confirmed', confirmed_by = (p->>'person')::bigint, confirmed_at = now() where id = p_id;
    perform audit_add(p->>'login', 'match.confirmed', 'match:' || p_id, to_jsonb(l) - 'explanation');
  end if;
end $$;

create function match_release(p jsonb, p_id bigint, d jsonb) returns void language plpgsql as $$
declare l links;
begin
  select * into l from links where id = p_id for update;
  if not found or not match_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no match %', p_id using errcode = 'XQ404';
  elsif l.verdict <> 'confirmed' then
    raise exception 'match % is %: it is released after a confirmation', p_id, l.verdict using errcode = 'XQ409';
  elsif l.confirmed_by = (p->>'person')::bigint then
    raise exception 'who confirmed a match may not release it: a second person of finance must' using errcode = 'XQ403';
  end if;
  if commits(d) then
    update links set verdict = 'released', released_by = (p->>'person')::bigint, released_at = now() where id = p_id;
    update payment_orders set status = 'linked' where id = l.order_id;
    perform renewals_wake(array(select renewal_id from dues where order_id = l.order_id));
    if not exists (select from links where verdict in ('suggested', 'confirmed')) then
      update tasks set state = 'done', closed_at = now(), closed_by = (p->>'person')::bigint where kind = 'finance_match' and state = 'open';
    end if;
    perform audit_add(p->>'login', 'match.released', 'match:' || p_id, to_jsonb(l) - 'explanation');
  end if;
end $$;

-- ---------------------------------------------------------------- agents and holds

create function enrol_code_make(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_unit bigint; v_ws bigint; v_until timestamptz := now() + interval '24 hours';
begin
  select id into v_unit from units where name = d->>'unit';
  if v_unit is null then
    raise exception 'there is no unit %: add it with xuqi org apply', d->>'unit' using errcode = 'P0001';
  elsif not in_scope(v_unit, (p->>'unit')::bigint) then
    raise exception 'unit % is outside your scope', d->>'unit' using errcode = 'XQ403';
  end if;
  insert into workstations (name, unit_id, place) values (d->>'workstation', v_unit, coalesce(d->>'place', ''))
  on conflict (name) do update set place = coalesce(nullif(excluded.place, ''), workstations.place)
    where workstations.unit_id = excluded.unit_id returning id into v_ws;
  if v_ws is null then
    raise exception 'workstation % belongs to another unit', d->>'workstation' using errcode = 'XQ403';
  end if;
  insert into enrol_codes (code_sha256, workstation_id, made_by, expires_at) values (d->>'code_sha256', v_ws, (p->>'person')::bigint, v_until);
  perform audit_add(p->>'login', 'agent.enrol_code_made', 'workstation:' || v_ws, d - 'code_sha256');
  return jsonb_build_object('workstation', d->>'workstation', 'expires_at', v_until);
end $$;

-- Consume a code, once; the older agent of the workstation, if any, is revoked by it.
create function agent_enrol(p_code_sha256 text, p_key_sha256 text, p_serial text, p_hostname text, p_version text) returns bigint
language plpgsql as $$
declare v_ws bigint; v_id bigint;
begin
  update enrol_codes set used_at = now() where code_sha256 = p_code_sha256 and used_at is null and expires_at > now()
    returning workstation_id into v_ws;
  if v_ws is null then
    raise exception 'the enrolment code is wrong, used or expired: ask for a new one (xuqi agent enrol-code)' using errcode = 'XQ403';
  end if;
  update agents set revoked_at = now() where workstation_id = v_ws and revoked_at is null;
  insert into agents (workstation_id, key_sha256, serial, hostname, agent_version)
    values (v_ws, p_key_sha256, p_serial, p_hostname, p_version) returning id into v_id;
  perform audit_add('agent:' || v_id, 'agent.enrolled', 'workstation:' || v_ws, jsonb_build_object('hostname', p_hostname));
  return v_id;
end $$;

create function agent_revoke(p jsonb, p_id bigint) returns void language plpgsql as $$
begin
  update agents g set revoked_at = coalesce(revoked_at, now()) from workstations w
    where g.id = p_id and w.id = g.workstation_id and in_scope(w.unit_id, (p->>'unit')::bigint);
  if not found then
    raise exception 'there is no agent %', p_id using errcode = 'XQ404';
  end if;
  perform audit_add(p->>'login', 'agent.revoked', 'agent:' || p_id, '{}');
end $$;

create function hold_set(p jsonb, d jsonb) returns bigint language plpgsql as $$
declare v_unit bigint; v_id bigint;
begin
  if coalesce(d->>'reason', '') = '' then
    raise exception 'a hold wants a reason' using errcode = 'P0001';
  end if;
  if d->>'scope' = 'unit' then
    select id into v_unit from units where name = d->>'target';
    if v_unit is null then
      raise exception 'there is no unit %', d->>'target' using errcode = 'P0001';
    end if;
  elsif coalesce(d->>'scope', 'all') <> 'all' then
    raise exception 'scope is all or unit' using errcode = 'P0001';
  end if;
  perform must_be_in_scope(p, v_unit, case when v_unit is null then 'a hold of everything' else 'unit ' || (d->>'target') end);
  insert into holds (scope, unit_id, reason, set_by) values (coalesce(d->>'scope', 'all'), v_unit, d->>'reason', (p->>'person')::bigint)
    returning id into v_id;
  perform audit_add(p->>'login', 'hold.set', 'hold:' || v_id, d);
  return v_id;
end $$;

create function hold_release(p jsonb, p_id bigint) returns jsonb language plpgsql as $$
declare h holds;
begin
  select * into h from holds where id = p_id for update;
  if not found then
    raise exception 'there is no hold %', p_id using errcode = 'XQ404';
  elsif not in_scope(h.unit_id, (p->>'unit')::bigint) then
    raise exception 'hold % is outside your scope', p_id using errcode = 'XQ403';
  elsif h.released_at is not null then
    raise exception 'hold % is released already', p_id using errcode = 'XQ409';
  elsif h.release_asked_by is null then
    update holds set release_asked_by = (p->>'person')::bigint where id = p_id;
    perform audit_add(p->>'login', 'hold.release_asked', 'hold:' || p_id, '{}');
    return jsonb_build_object('id', p_id, 'released', false, 'needs', 'the release by a second person');
  elsif h.release_asked_by = (p->>'person')::bigint then
    raise exception 'a second person must release hold %', p_id using errcode = 'XQ403';
  else
    update holds set released_by = (p->>'person')::bigint, released_at = now() where id = p_id;
    perform audit_add(p->>'login', 'hold.released', 'hold:' || p_id, '{}');
    perform pg_notify('xuqi_wake', '');
  end if;
  return jsonb_build_object('id', p_id, 'released', true);
end $$;
