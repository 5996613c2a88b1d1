-- What an agent is allowed and what it reports: permits for the stored PIN, results.

-- Commit one use of a stored PIN before it is handed out.  The same reference gets the same permit again, but
-- nobody gets one under a hold.
create function pin_permit(p_agent bigint, p_order bigint, p_ref text, p_serial text) returns timestamptz
language plpgsql as $$
declare o install_orders; t tokens; r renewals; v_until timestamptz; v_unit bigint;
begin
  if exists (select from agents where id = p_agent and revoked_at is not null) then
    raise exception 'agent % was revoked', p_agent using errcode = 'XQ403';
  end if;
  select * into o from install_orders where id = p_order and offered_to = p_agent for update;
  if not found then
    raise exception 'order % is not this agent''s', p_order using errcode = 'XQ404';
  end if;
  select * into t from tokens where id = o.token_id for update;
  if t.serial <> p_serial then
    raise exception 'order % is for token %, not %', p_order, t.serial, p_serial using errcode = 'XQ409';
  end if;
  select * into r from renewals where id = o.renewal_id for update;
  select unit_id into v_unit from certificate_sets where id = r.set_id;
  if r.touch_approval is null or is_held(v_unit, r.ca) then
    raise exception 'renewal % may not touch its token now: touch approval missing or held', r.id using errcode = 'XQ409';
  elsif jsonb_typeof(r.facts->'withdraw') = 'object' then -- asked first; both ask under the renewal's lock
    raise exception 'renewal % is being withdrawn: its token stays as it is', r.id using errcode = 'XQ409';
  end if;
  select expires_at into v_until from pin_attempts
    where permit_ref = p_ref and order_id = p_order and outcome is null and cleared_at is null;
  if found then
    return v_until;
  end if;
  if o.state <> 'offered' then
    raise exception 'order % is % and takes no permit', p_order, o.state using errcode = 'XQ409';
  end if;
  if exists (select from pin_attempts a where a.token_id = t.id and a.cleared_at is null
             and (a.outcome is null or a.outcome in ('incorrect', 'unsure'))) then
    raise exception 'the stored PIN of token % is barred: an earlier attempt failed or has no known result; a person must clear it', p_serial
      using errcode = 'XQ403';
  end if;
  insert into pin_attempts (token_id, order_id, permit_ref, expires_at)
    values (t.id, o.id, p_ref, now() + interval '10 minutes') returning expires_at into v_until;
  update install_orders set state = 'permitted' where id = o.id;
  insert into journal (renewal_id, event, by, text)
    values (r.id, 'pin_permitted', 'agent:' || p_agent, 'one use of the stored PIN of token ' || p_serial);
  perform renewals_wake(array[r.id]);
  return v_until;
end $$;

-- What a result says, taken for `installed` only if every new certificate of the order was read back.
create function install_outcome(p_body jsonb, p_doc jsonb) returns text language sql immutable as $$
  select case when p_doc->>'outcome' = 'installed' and exists (
      select from jsonb_array_elements(p_body->'new') n
      where not coalesce(p_doc->'certificate_sha256', '[]') ? encode(sha256(decode(n->>'der_b64', 'base64')), 'hex'))
    then 'readback_failed' else p_doc->>'outcome' end
$$;

-- Record what an agent did with an order; the same result again changes nothing.
create function install_result(p_agent bigint, p_order bigint, p_doc jsonb) returns void language plpgsql as $$
declare o install_orders; v_pin text; v_outcome text;
begin
  select * into o from install_orders where id = p_order and offered_to = p_agent for update;
  if not found then
    raise exception 'order % is not this agent''s', p_order using errcode = 'XQ404';
  end if;
  if exists (select from pin_attempts where permit_ref = p_doc->>'permit_ref' and reported_at is not null) then
    return; -- the answer to an earlier delivery was lost
  end if;
  v_outcome := install_outcome(o.body, p_doc);
  v_pin := case when p_doc->>'outcome' = 'pin_incorrect' then 'incorrect'
                when p_doc->>'outcome' = 'pin_unsure' then 'unsure'
                when coalesce((p_doc->>'login_attempted')::boolean, false) then 'accepted' else 'not_used' end;
  update pin_attempts set outcome = v_pin, reported_at = clock_timestamp()
    where order_id = p_order and permit_ref = p_doc->>'permit_ref' and outcome is null;
  if o.state in ('offered', 'permitted') then
    update install_orders set state = 'reported', outcome = v_outcome, result = p_doc,
      reported_at = clock_timestamp() where id = p_order;
    insert into journal (renewal_id, event, by, text) values (o.renewal_id, 'install_reported_by_agent',
      'agent:' || p_agent, v_outcome || coalesce(': ' || (p_doc->>'error'), ''));
    perform renewals_wake(array[o.renewal_id]);
  end if;
end $$;
