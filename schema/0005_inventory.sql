-- What an agent sees becomes inventory.  A certificate is merged by (issuer, serial), a set by its token
-- and subject, an imported set by holder, credit code, service and day of expiry where exactly one fits;
-- never by a media number.

-- The set that a certificate on a token belongs to; made if there is none.
create function set_of_certificate(p_token tokens, p_cert jsonb, p_unit bigint) returns bigint
language plpgsql as $$
declare v_ids bigint[]; v_id bigint;
begin
  select min(c.set_id) into v_id from certificates c
    where c.token_id = p_token.id and c.subject_sha256 = p_cert->>'subject_sha256';
  if v_id is not null then
    return v_id;
  end if;
  select array_agg(s.id) into v_ids from certificate_sets s
    where s.token_id is null and s.holder = p_cert->>'holder' and s.service = p_cert->>'service'
      and s.uscc = p_cert->>'uscc'
      and (s.not_after at time zone 'Asia/Shanghai')::date
        = ((p_cert->>'not_after')::timestamptz at time zone 'Asia/Shanghai')::date;
  if cardinality(v_ids) = 1 then
    update certificate_sets set token_id = p_token.id, source = 'both', not_after = (p_cert->>'not_after')::timestamptz
      where id = v_ids[1];
    return v_ids[1];
  end if;
  insert into certificate_sets (holder, uscc, service, not_after, unit_id, legal_entity_id, token_id, source)
  values (p_cert->>'holder', p_cert->>'uscc', p_cert->>'service', (p_cert->>'not_after')::timestamptz, p_unit,
    coalesce((select id from legal_entities where uscc = p_cert->>'uscc'),
             (select legal_entity_id from units where id = p_unit)), p_token.id, 'agent')
  returning id into v_id;
  return v_id;
end $$;

-- Link every superseded certificate of a set to its successor, and let the set expire with the earliest
-- of its newest certificates per role.
create function set_refresh(p_set bigint) returns void language sql as $$
  update certificates c set replaced_by = n.id
  from (select distinct on (role) id, role, not_after from certificates
        where set_id = p_set order by role, not_after desc, id desc) n
  where c.set_id = p_set and c.role = n.role and c.not_after < n.not_after and c.replaced_by is distinct from n.id;
  update certificate_sets set not_after =
    (select min(not_after) from certificates where set_id = p_set and replaced_by is null)
  where id = p_set;
$$;

create function token_seen(p_workstation workstations, p_token jsonb) returns tokens language plpgsql as $$
declare t tokens;
begin
  select * into t from tokens where serial = p_token->>'serial' for update;
  if found and t.workstation_id is distinct from p_workstation.id then
    -- a token first seen elsewhere is not taken over without a person's decision
    if not exists (select from tasks where kind = 'token_moved' and token_id = t.id and state = 'open') then
      insert into tasks (kind, token_id, workstation_id, role, title, instruction, if_ignored, needs, values)
      values ('token_moved', t.id, p_workstation.id, 'operator', 'Token ' || t.serial || ' appeared at another workstation',
        'Ask the custodian. If the token belongs to ' || p_workstation.name || ' now, finish this task with move=yes.',
        'The token is not used at ' || p_workstation.name || '.', '["move"]',
        jsonb_build_object('token', t.serial, 'workstation', p_workstation.name));
    end if;
    return null;
  end if;
  insert into tokens (serial, label, model, manufacturer, workstation_id, present, seen_at, free_bytes, pin_flags, stored_pin, consent)
  values (p_token->>'serial', coalesce(p_token->>'label', ''), coalesce(p_token->>'model', ''),
    coalesce(p_token->>'manufacturer', ''), p_workstation.id, true, now(), (p_token->>'free_bytes')::bigint,
    coalesce(p_token->'pin_flags', '{}'), coalesce((p_token->>'stored_pin')::boolean, false), p_token->'consent')
  on conflict (serial) do update set label = excluded.label, model = excluded.model, present = true, seen_at = now(),
    free_bytes = excluded.free_bytes, pin_flags = excluded.pin_flags, stored_pin = excluded.stored_pin, consent = excluded.consent
    where tokens.workstation_id = excluded.workstation_id -- another one may have seen it first just now
  returning * into t;
  return t;
end $$;

create function certificate_seen(p_token tokens, p_cert jsonb, p_unit bigint) returns void language plpgsql as $$
declare v_set bigint;
begin
  update certificates set token_id = p_token.id, seen_at = now(), label = coalesce(p_cert->>'label', '')
    where issuer_sha256 = p_cert->>'issuer_sha256' and serial = p_cert->>'serial' and coalesce(token_id, p_token.id) = p_token.id;
  if found or exists (select from certificates where issuer_sha256 = p_cert->>'issuer_sha256' and serial = p_cert->>'serial') then
    return; -- on another token it is not taken over: whoever reports it would own all that follows it
  end if;
  v_set := set_of_certificate(p_token, p_cert, p_unit);
  insert into certificates (set_id, token_id, issuer_sha256, serial, sha256, role, issuer, subject, subject_sha256,
    spki_sha256, key_type, not_before, not_after, der, label)
  values (v_set, p_token.id, p_cert->>'issuer_sha256', p_cert->>'serial', p_cert->>'sha256',
    (p_cert->>'role')::certificate_role, p_cert->>'issuer', p_cert->>'subject', p_cert->>'subject_sha256',
    p_cert->>'spki_sha256', p_cert->>'key_type', (p_cert->>'not_before')::timestamptz,
    (p_cert->>'not_after')::timestamptz, decode(p_cert->>'der_b64', 'base64'), coalesce(p_cert->>'label', ''));
  perform set_refresh(v_set);
end $$;

-- One check-in of one agent: the workstation, every token that is plugged, every certificate on it.
create function check_in(p_agent bigint, p_doc jsonb) returns void language plpgsql as $$
declare w workstations; j jsonb; c jsonb; t tokens;
begin
  update agents set last_seen_at = now(), agent_version = p_doc->>'agent_version' where id = p_agent;
  update workstations set client_version = p_doc->>'client_version', client_version_source = p_doc->>'client_version_source'
    where id = (select workstation_id from agents where id = p_agent) returning * into w;
  update tokens set present = false where workstation_id = w.id and present
    and serial not in (select e->>'serial' from jsonb_array_elements(p_doc->'tokens') e);
  for j in select jsonb_array_elements(p_doc->'tokens') loop
    t := token_seen(w, j);
    if t.id is not null then
      for c in select jsonb_array_elements(j->'certificates') loop
        perform certificate_seen(t, c, w.unit_id);
      end loop;
    end if;
  end loop;
  update tasks set state = 'done', closed_at = clock_timestamp(), answer = '{"by":"agent"}'
    where kind = 'insert_token' and state = 'open' -- never several U-KEYs inserted: this one must be there alone
      and array[token_id] = array(select id from tokens where workstation_id = w.id and present);
  perform renewals_wake(array( -- also those whose permit is open: the certificate may be on its token, though nobody reported so
    select o.renewal_id from install_orders o join tokens k on k.id = o.token_id
    where k.workstation_id = w.id and o.state <> 'closed'));
end $$;

-- The order, if any, that this agent may carry out now: one at a time, of a token that is plugged alone,
-- while nobody is asked to plug another one.
create function order_offer(p_agent bigint) returns jsonb language plpgsql as $$
declare v_ws bigint; o install_orders; v_serial text;
begin
  select workstation_id into v_ws from agents where id = p_agent;
  select i.* into o from install_orders i join tokens t on t.id = i.token_id
    where t.workstation_id = v_ws and t.present and i.state in ('queued', 'offered', 'permitted')
      and (i.state <> 'queued' or not exists (
        select from tasks k where k.kind = 'insert_token' and k.state = 'open' and k.workstation_id = v_ws))
    order by i.state = 'queued', i.id limit 1 for update of i;
  if not found then
    return '[]';
  end if;
  update install_orders set state = case when state = 'queued' then 'offered' else state end, offered_to = p_agent
    where id = o.id;
  select serial into v_serial from tokens where id = o.token_id;
  return jsonb_build_array(o.body || jsonb_build_object('id', o.id::text, 'renewal', o.renewal_id::text,
    'token_serial', v_serial, 'key_policy', 'reuse', 'expires_at',
    to_char((now() + interval '1 hour') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
end $$;
