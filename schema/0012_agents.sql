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
