-- Succession: everything that waits for one handler (经办人) waits for another from now on, and what a computer cannot
-- move is named: bindings to a WeChat, messages to a mobile, policies.

-- Renewals of PERSON that are under way, and whether the CA's messages about them go to PERSON's mobile.
create function handler_renewals(p_person bigint) returns table (renewal bigint, set_id bigint, holder text, service text, state text,
  reviewed boolean) language sql stable as $$
  select r.id, s.id, s.holder, s.service, r.state, r.state in ('paid', 'in_review', 'correction', 'approved', 'refunding')
  from renewals r join certificate_sets s on s.id = r.set_id join renewal_states v on v.state = r.state
  where coalesce(r.handler_id, s.handler_id) = p_person and not v.final order by r.id
$$;

-- Certificates that are bound to the WeChat of PERSON, with the renewal that is under way.
create function handler_bindings(p_person bigint) returns table (set_id bigint, ca text, holder text, account text, renewal bigint, state text)
language sql stable as $$
  select s.id, b.ca, s.holder, b.account, r.renewal, r.state
  from bindings b join certificate_sets s on s.id = b.set_id left join handler_renewals(p_person) r on r.set_id = s.id
  where coalesce(b.bound_by, s.handler_id) = p_person order by s.id
$$;

create function handler_transfer_report(p_from bigint, p_to bigint) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'tasks', (select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'kind', k.kind, 'title', k.title, 'holder', k.holder, 'due_at', k.due_at) order by k.id), '[]')
      from task_items k where k.state = 'open' and k.assignee_id = p_from),
    'renewals', (select coalesce(jsonb_agg(jsonb_build_object('renewal', renewal, 'holder', holder, 'service', service, 'state', state) order by renewal), '[]')
      from handler_renewals(p_from)),
    'certificates', (select count(*) from certificate_sets where handler_id = p_from),
    'bindings', (select coalesce(jsonb_agg(jsonb_build_object('set', set_id, 'ca', ca, 'holder', holder, 'account', account, 'renewal', renewal, 'state', state, 'remedy',
        'bound to the WeChat of the earlier handler: where the CA binds per account, unbind it there (解绑) and bind it anew with the new handler''s phone') order by set_id), '[]')
      from handler_bindings(p_from)),
    'reviews', (select coalesce(jsonb_agg(jsonb_build_object('renewal', renewal, 'holder', holder, 'state', state, 'remedy',
        'the CA sends its SMS to the earlier handler''s mobile: tell the CA the new one; meanwhile the CA is asked without SMS') order by renewal), '[]')
      from handler_renewals(p_from) where reviewed),
    'policies', (select coalesce(jsonb_agg(distinct c.policy_name), '[]') from campaigns c
      where c.policy->>'handler' = (select login from people where id = p_from)))
$$;

-- A binding of a certificate whose renewal is under way becomes a task of the successor; any other is forgotten, so that
-- the next renewal asks the successor for a scan.
create function handler_rebind(p_login text, p_to bigint, p_binding jsonb) returns void language plpgsql as $$
begin
  if p_binding->>'renewal' is null then
    delete from bindings where set_id = (p_binding->>'set')::bigint and ca = p_binding->>'ca';
    return;
  end if;
  perform task_open((p_binding->>'renewal')::bigint, jsonb_build_object('kind', 'rebind', 'role', 'handler', 'assignee', p_to,
    'title', '绑定: bind a taken-over certificate to your own WeChat', 'instruction',
    'This certificate is bound to the WeChat of ' || p_login || coalesce(' (' || (p_binding->>'account') || ')', '') || '. Have it unbound there (解绑), bind it with your own phone where the '
    'CA binds per account, then finish this task with bound=yes and wechat=WHICH.', 'if_ignored',
    'The CA''s messages and pages stay with ' || p_login || '.', 'needs', '["bound", "wechat"]'::jsonb,
    'values', jsonb_build_object('holder', p_binding->>'holder')));
end $$;

create function handler_transfer(p jsonb, p_login text, d jsonb) returns jsonb language plpgsql as $$
declare v_from bigint := person_named(p_login); v_to bigint := person_named(d->>'to'); v_missing text; v_report jsonb;
begin
  perform must_be_in_scope(p, null, 'the transfer of a handler');
  if v_from = v_to then
    raise exception 'a transfer is from one person to another' using errcode = 'P0001';
  end if;
  v_missing := entities_not_covered(v_from, v_to, office_day());
  if v_missing is not null then
    raise exception '% has no valid 授权委托书 for %: record it with xuqi token create --legal-entity --authorised-until',
      d->>'to', v_missing using errcode = 'XQ403';
  end if;
  v_report := handler_transfer_report(v_from, v_to);
  if commits(d) then
    update tasks set assignee_id = v_to, assigned_by = (p->>'person')::bigint where assignee_id = v_from and state = 'open';
    insert into journal (renewal_id, event, by, text)
      select (r->>'renewal')::bigint, 'handler_transferred', p->>'login', 'from ' || p_login || ' to ' || (d->>'to')
      from jsonb_array_elements(v_report->'renewals') r;
    update renewals r set handler_id = v_to from certificate_sets s, renewal_states v
      where s.id = r.set_id and v.state = r.state and not v.final and coalesce(r.handler_id, s.handler_id) = v_from;
    update certificate_sets set handler_id = v_to where handler_id = v_from;
    perform handler_rebind(p_login, v_to, b) from jsonb_array_elements(v_report->'bindings') b;
    perform renewals_wake(array(select (r->>'renewal')::bigint from jsonb_array_elements(v_report->'renewals') r));
    perform audit_add(p->>'login', 'handler.transferred', 'person:' || v_from, jsonb_build_object('to', d->>'to', 'report', v_report));
  end if;
  return v_report || jsonb_build_object('committed', commits(d), 'from', p_login, 'to', d->>'to');
end $$;
