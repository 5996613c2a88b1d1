-- Agents are enrolled and revoked by people.

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

-- ---------------------------------------------------------------- barred PINs

-- Tokens whose stored PIN nobody may use: a try failed, or a result is missing, or a restore cannot rule one out.
create view pin_bars as
select a.id, t.serial as token_serial, t.label as token_label, w.name as workstation, w.unit_id, u.name as unit, a.permitted_at as since,
  case when a.order_id is null then 'restored' when a.outcome is null then 'no_result' else a.outcome end as why,
  o.renewal_id as renewal, (select max(k.id) from tasks k where k.kind = 'pin' and k.token_id = t.id and k.state = 'open') as task
from pin_attempts a join tokens t on t.id = a.token_id left join workstations w on w.id = t.workstation_id
left join units u on u.id = w.unit_id left join install_orders o on o.id = a.order_id
where a.cleared_at is null and (a.outcome is null or a.outcome in ('incorrect', 'unsure'));

-- A person vouches for the stored PIN of a token: one more try may be spent.  Where a task asks about it, the task
-- is the place: it says what to look at first.
create function pin_clear(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare b pin_bars; v_reason text;
begin
  select * into b from pin_bars where id = p_id and in_scope(unit_id, (p->>'unit')::bigint);
  if not found then
    raise exception 'there is no barred PIN % (xuqi agent pins)', p_id using errcode = 'XQ404';
  elsif b.task is not null then
    raise exception 'task % asks about this PIN: finish it with remedy=cleared', b.task using errcode = 'XQ409';
  elsif exists (select from pin_attempts a join install_orders o on o.id = a.order_id where a.id = p_id and o.state = 'permitted') then
    raise exception 'its agent may be using the PIN just now: wait for its result' using errcode = 'XQ409';
  end if;
  v_reason := want_reason(d);
  if commits(d) then
    update pin_attempts set cleared_by = (p->>'person')::bigint, cleared_at = clock_timestamp() where id = p_id;
    perform audit_add(p->>'login', 'pin.cleared', 'token:' || b.token_serial, jsonb_build_object('why', b.why, 'reason', v_reason));
    perform renewals_wake(array(select o.renewal_id from install_orders o join tokens t on t.id = o.token_id
      where t.serial = b.token_serial and o.state <> 'closed'));
  end if;
  return jsonb_build_object('committed', commits(d), 'id', p_id::text, 'token_serial', b.token_serial, 'why', b.why);
end $$;
