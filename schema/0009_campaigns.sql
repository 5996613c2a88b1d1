-- Campaigns: made of a plan, approved at two gates, run.

create function campaign_make(p jsonb, d jsonb) returns bigint language plpgsql as $$
declare v_id bigint; r jsonb; v_renewal bigint;
begin
  insert into campaigns (name, policy_name, policy, policy_sha256, plan, digest, created_by)
  values (d->>'name', d->>'policy_name', d->'policy', d->>'policy_sha256', d->'plan', d->>'digest', (p->>'person')::bigint)
  returning id into v_id;
  for r in select jsonb_array_elements(d->'plan'->'rows') loop
    insert into renewals (campaign_id, set_id, ca, handler_id, kind, old_not_after, term_years, approved_fen)
    select v_id, s.id, d->'policy'->>'ca', coalesce((select id from people where login = d->'policy'->>'handler'), s.handler_id), (r->>'kind')::renewal_kind,
      coalesce((select max(c.not_after) from certificates c where c.set_id = s.id and c.replaced_by is null), s.not_after),
      (r->>'term_years')::int, (r->>'price_fen')::bigint
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
  perform from renewals where campaign_id = p_id order by id for update; -- before the campaign, as a step does that has a new price
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
      -- also of those whose approval was given for another agreement than the plan has now
      update renewals r set spend_approval = v_approval where campaign_id = p_id
        and state not in (select state from renewal_states where final)
        and (spend_approval is null or (not facts @> '{"agreed":true}' and exists (select from approvals a
          where a.id = r.spend_approval and a.agreement_sha256 is distinct from c.plan->>'agreement_sha256')));
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
