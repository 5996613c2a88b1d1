-- What the engine watches over itself: how long anything may wait, what was left behind, the CAs at a glance.

-- ---------------------------------------------------------------- how long a renewal may wait

-- In a state (counted from the move to it) or for a reason (counted from when it began); of those that are
-- exceeded, the one that says more counts.
create table patience (
  state   text references renewal_states,
  reason  text,
  minutes int not null,
  owner   text not null, -- where the renewal itself names nobody
  remedy  text not null,
  constraint patience_once unique nulls not distinct (state, reason)
);
insert into patience (state, reason, minutes, owner, remedy) values
  (null, null, 14 * 1440, 'operator', 'xuqi renewal show'),
  ('planned', null, 60, 'operator', 'xuqi campaign show: the plan was not proposed'),
  ('awaiting_approval', null, 5 * 1440, 'approver', 'xuqi campaign approve, then xuqi campaign run'),
  ('binding', null, 3 * 1440, 'handler', 'xuqi task list --kind bind: the code is to be scanned and confirmed'),
  ('bound', null, 1440, 'operator', 'xuqi renewal show'),
  ('drafting', null, 2 * 1440, 'handler', 'xuqi task list --kind agreement'),
  ('awaiting_attachments', null, 5 * 1440, 'handler', 'xuqi task list --kind attachment'),
  ('awaiting_intent', null, 3 * 1440, 'handler', 'xuqi task list --kind intent'),
  ('submitted', null, 1440, 'operator', 'xuqi renewal show'),
  ('awaiting_payment', null, 5 * 1440, 'finance', 'xuqi payment export, pay, xuqi statement import'),
  ('verifying_payment', null, 3 * 1440, 'finance', 'ask the CA what it lacks of the transfer'),
  ('paid', null, 1440, 'ca', 'ask the CA whether the review has begun'),
  ('in_review', null, 10 * 1440, 'ca', 'ask the CA for the result of the review'),
  ('correction', null, 3 * 1440, 'handler', 'xuqi task list --kind correction'),
  ('approved', null, 3 * 1440, 'approver', 'xuqi campaign approve --gate touch'),
  ('install_queued', null, 3 * 1440, 'operator', 'plug the token in at its workstation: xuqi task list --kind insert_token'),
  ('installing', null, 1440, 'operator', 'look at the workstation and its agent'),
  ('installed', null, 1440, 'ca', 'xuqi renewal show: the CA was not told'),
  ('awaiting_invoice', null, 15 * 1440, 'finance', 'ask the CA for the invoice'),
  ('quarantined', null, 0, 'operator', 'xuqi task list --kind install: nothing is written to the token before a person decides'),
  ('disputed', null, 5 * 1440, 'finance', 'settle the difference with the CA'),
  ('refunding', null, 30 * 1440, 'finance', 'ask the CA for the refund'),
  (null, 'ca_unreachable', 15, 'ca', 'xuqi ca list; look at the network and ask the CA'),
  (null, 'ca_busy', 240, 'ca', 'xuqi ca list; lower the pace: xuqi ca limit'),
  (null, 'ca_breaker', 60, 'ca', 'xuqi ca list says what the last call met'),
  (null, 'ca_access', 0, 'admin', 'xuqi task list --kind ca_access'),
  (null, 'going_round', 0, 'operator', 'xuqi renewal show: the CA contradicts itself; ask it, then xuqi renewal hint or withdraw'),
  (null, 'unknown_outcome', 15, 'operator', 'ask the CA what became of it; do not repeat it by hand'),
  (null, 'database', 15, 'admin', 'look at the database and at the log of xuqid'),
  (null, 'error', 0, 'admin', 'read the log of xuqid: this is a mistake of the program'),
  (null, 'hold', 1440, 'operator', 'xuqi hold list'),
  (null, 'office_hours', 10 * 1440, 'operator', 'xuqi ca list'),
  (null, 'daily_cap_ca', 2 * 1440, 'operator', 'xuqi ca limit --daily-cap, or wait'),
  (null, 'daily_cap_campaign', 5 * 1440, 'operator', 'the policy''s daily_cap lets no more begin on one day'),
  (null, 'refused', 0, 'operator', 'xuqi task list --kind renewal'),
  (null, 'pin', 0, 'operator', 'xuqi task list --kind pin: no further try is spent'),
  (null, 'install', 0, 'operator', 'xuqi task list --kind install'),
  ('awaiting_payment', 'transfer', 5 * 1440, 'finance', 'xuqi payment export, pay, xuqi statement import'),
  ('binding', 'token', 60, 'operator', 'its certificate is not known yet: let the agent of its workstation report it, or xuqi cert upload FILE'),
  (null, 'payee', 0, 'finance', 'xuqi task list --kind payee_changed'),
  (null, 'payer', 0, 'admin', 'xuqi task list --kind payer'),
  (null, 'client_version', 0, 'operator', 'xuqi task list --kind client_version'),
  (null, 'handler', 0, 'operator', 'xuqi task list --kind handler'),
  (null, 'certificate', 0, 'operator', 'xuqi renewal show: its certificate changed meanwhile'),
  (null, 'remittance_refused', 0, 'finance', 'xuqi task list --kind remittance'),
  (null, 'invoice_differs', 0, 'finance', 'xuqi task list --kind invoice');

create view overlong as
select distinct on (r.id) r.id, r.unit_id, r.state, r.blocked_reason, r.last_error, coalesce(r.owner, p.owner) as owner, p.remedy, p.minutes,
  case when p.reason is null then r.changed_at else r.blocked_at end as since
from renewal_items r join renewal_states v on v.state = r.state and not v.final
join patience p on (p.state is null or p.state = r.state) and (p.reason is null or p.reason = r.blocked_reason)
where case when p.reason is null then r.changed_at else r.blocked_at end <= now() - make_interval(mins => p.minutes)
order by r.id, p.reason is null, p.state is null;

-- ---------------------------------------------------------------- what was left behind

-- An effect without a known outcome, and nobody who will ask: its renewal has ended, or has gone on for a day.
create view orphan_effects as
select e.id, e.renewal_id, e.op, e.intended_at, r.state, s.unit_id
from effects e join renewals r on r.id = e.renewal_id join renewal_states v on v.state = r.state
join certificate_sets s on s.id = r.set_id
where e.settled_at is null and (v.final or e.intended_at < now() - interval '1 day');

-- An installation in the hands of an agent that is gone: revoked, or silent for a day.
create view orphan_orders as
select o.id, o.renewal_id, o.state, g.id as agent, w.name as workstation, w.unit_id, coalesce(g.last_seen_at, g.enrolled_at) as seen_at
from install_orders o join agents g on g.id = o.offered_to join workstations w on w.id = g.workstation_id
where o.state in ('offered', 'permitted')
  and (g.revoked_at is not null or coalesce(g.last_seen_at, g.enrolled_at) < now() - interval '1 day');

-- The tasks that only a renewal under way can want, by the kinds that domain/task_kind.c names: all but those about
-- money that is still out, the invoice, and what a new certificate wants afterwards.
create function is_step_task(p_kind text) returns boolean language sql immutable as $$
  select p_kind in ('client_version', 'handler', 'bind', 'bind_differs', 'bind_again', 'rebind', 'agreement', 'attachment', 'intent',
    'payer', 'payee_changed', 'prepaid', 'remittance', 'wechat_pay', 'returned', 'returned_release', 'apply', 'remit', 'correction',
    'correct_at_ca', 'review', 'review_overdue', 'withdrawal', 'withdraw_at_ca', 'certificate', 'insert_token', 'install',
    'install_by_person', 'renewal', 'ca_access')
$$;

-- A payment order that waits for money although its renewal has ended.
create view orphan_payments as
select o.id, o.reference, o.status, d.renewal_id, r.state, s.unit_id, r.changed_at
from payment_orders o join dues d on d.order_id = o.id join renewals r on r.id = d.renewal_id
join renewal_states v on v.state = r.state and v.final join certificate_sets s on s.id = r.set_id
where o.status in ('open', 'exported') and r.state <> 'done';

-- Mend what can be mended without touching the outside, one worker at a time; each with a line in the journal or
-- the audit.  What cannot is the doctor's.
create function engine_reap() returns table (what text, object text) language plpgsql as $$
begin
  if not pg_try_advisory_xact_lock(hashtext('xuqi.engine_reap')) then
    return;
  end if;
  -- a worker died under its lease and nobody has taken it over (a hold keeps others away)
  return query
  with stale as (select id, epoch from renewals where due_at <= now() and claimed_until < now() - interval '30 seconds'
    and state not in ('planned', 'awaiting_approval', 'done', 'withdrawn', 'failed', 'refunded') order by id for update skip locked),
  freed as (update renewals r set claimed_until = null, due_at = least(due_at, now()) from stale where r.id = stale.id),
  told as (insert into journal (renewal_id, event, by, text)
    select id, 'lease_lost', 'xuqid', 'lease ' || epoch || ' ran out: its worker is gone' from stale)
  select 'lease', id::text from stale;
  -- offered to an agent that is gone, no PIN permitted: another may have it
  return query
  with gone as (select x.id, x.renewal_id, x.workstation from install_orders o join orphan_orders x on x.id = o.id
    where x.state = 'offered' order by o.id for update of o skip locked),
  back as (update install_orders o set state = 'queued', offered_to = null from gone where o.id = gone.id),
  told as (insert into journal (renewal_id, event, by, text)
    select renewal_id, 'install_taken_back', 'xuqid', 'the agent of ' || workstation || ' is gone' from gone)
  select 'install_order', id::text from gone;
  -- steps of renewals that have ended
  return query
  with idle as (select k.id, k.renewal_id, k.kind from tasks k join renewals r on r.id = k.renewal_id
    where k.state = 'open' and is_step_task(k.kind) and r.state in ('withdrawn', 'failed', 'refunded', 'done') order by k.id for update of k skip locked),
  closed as (update tasks k set state = 'cancelled', secret = null, closed_at = clock_timestamp() from idle where k.id = idle.id),
  told as (insert into journal (renewal_id, event, by, text)
    select renewal_id, 'task_cancelled', 'xuqid', kind || ': the renewal has ended' from idle)
  select 'task', id::text from idle;
  -- orders that no file holds and no code has paid: nobody can have paid them
  return query
  with void as (select o.id, x.renewal_id, x.reference from payment_orders o join orphan_payments x on x.id = o.id
    where o.status = 'open' and not is_paid(x.renewal_id) order by o.id for update of o skip locked),
  closed as (update payment_orders o set status = 'cancelled' from void where o.id = void.id),
  told as (insert into journal (renewal_id, event, by, text)
    select renewal_id, 'order_cancelled', 'xuqid', reference || ': the renewal has ended, and no file holds it' from void)
  select 'payment_order', reference from void;
  perform payments_ask();
end $$;

-- ---------------------------------------------------------------- clocks and office

create table office ( -- what the calendar of the settings said last
  only_one boolean primary key default true constraint office_is_one check (only_one),
  is_open  boolean not null,
  opens_at timestamptz, -- next; null: it is open
  at       timestamptz not null
);

-- The xuqid that work on this database.  Each asks a CA for its share of the requests per minute only.
create table workers (
  name    text primary key, -- random, of the process
  seen_at timestamptz not null
);

-- Once a minute of each xuqid; one that was silent for two and a half is gone, and its share with it.
create function engine_look(p_our_us bigint, p_open boolean, p_opens_us bigint, p_worker text) returns void language plpgsql as $$
declare v_skew float8 := p_our_us / 1000000.0 - extract(epoch from clock_timestamp());
begin
  delete from workers where seen_at < now() - interval '150 seconds';
  insert into workers (name, seen_at) values (p_worker, now()) on conflict (name) do update set seen_at = excluded.seen_at;
  perform advise('clock', 'fail', case when abs(v_skew) > 5 then
    format('the clock of xuqid and that of its database differ by %s seconds', round(abs(v_skew)::numeric, 1)) end,
    'Let both be set by NTP; deadlines and signatures go by them');
  insert into office (is_open, opens_at, at) values (p_open, case when not p_open then to_timestamp(p_opens_us / 1000000.0) end, now())
  on conflict (only_one) do update set is_open = excluded.is_open, opens_at = excluded.opens_at, at = excluded.at;
end $$;

-- ---------------------------------------------------------------- the CAs at a glance

create view ca_items as
select c.ca, case when h.id is not null then 'held' when f.alert is not null then 'alert' when c.breaker <> 'closed' then 'breaker_' || c.breaker
    when c.daily_cap <= t.begun then 'cap_reached' when c.office_hours and not coalesce(o.is_open, true) then 'office_closed' else 'open' end as state,
  h.id as hold, f.alert, c.breaker, nullif(c.breaker_failures, 0) as failures,
  case when c.breaker <> 'closed' then c.breaker_since end as breaker_since, case when c.breaker = 'open' then c.breaker_until end as probe_at,
  greatest(f.fetched_at, (select max(e.settled_at) from effects e join renewals r on r.id = e.renewal_id where r.ca = c.ca)) as answered_at,
  c.failed_at, c.last_error, t.begun as begun_today, c.daily_cap, c.requests_per_minute, c.office_hours, o.opens_at as office_opens_at,
  round(extract(epoch from (f.meta->>'server_time')::timestamptz - f.fetched_at))::int as clock_ahead_s,
  (select count(*) from renewals r join renewal_states v on v.state = r.state where r.ca = c.ca and not v.final) as under_way
from cas c
left join ca_facts f on f.ca = c.ca
left join office o on true
cross join lateral (select count(*) as begun from effects e join renewals r on r.id = e.renewal_id
  where e.op = 'open' and e.intended_at >= site_day() and r.ca = c.ca) t
left join lateral (select id from holds h where h.released_at is null and (h.scope = 'all' or h.ca = c.ca) order by id limit 1) h on true;

-- Set the limits that D names; null takes one away.
create function ca_limit(p jsonb, p_ca text, d jsonb) returns jsonb language plpgsql as $$
declare c cas; v_key text;
begin
  select * into c from cas where ca = p_ca for update;
  if not found then
    raise exception 'there is no CA %: this installation speaks to %', p_ca,
      (select coalesce(string_agg(ca, ', ' order by ca), 'none yet') from cas) using errcode = 'XQ404';
  end if;
  perform must_be_in_scope(p, null, 'a CA');
  foreach v_key in array array['daily_cap', 'requests_per_minute'] loop
    if coalesce(d->>v_key, '1') !~ '^[0-9]{1,9}$' then
      raise exception '%: % is no number; 0 is no limit', v_key, d->>v_key using errcode = 'P0001';
    end if;
  end loop;
  if coalesce(d->>'office_hours', 'only') not in ('only', 'always') then
    raise exception 'office_hours is only or always' using errcode = 'P0001';
  elsif not (d ?| array['daily_cap', 'requests_per_minute', 'office_hours']) then
    raise exception 'say which limit: daily_cap, requests_per_minute or office_hours' using errcode = 'P0001';
  end if;
  c.daily_cap := case when d ? 'daily_cap' then nullif((d->>'daily_cap')::int, 0) else c.daily_cap end;
  c.requests_per_minute := case when d ? 'requests_per_minute' then nullif((d->>'requests_per_minute')::int, 0) else c.requests_per_minute end;
  c.office_hours := case when d ? 'office_hours' then d->>'office_hours' = 'only' else c.office_hours end;
  if commits(d) then
    update cas set daily_cap = c.daily_cap, requests_per_minute = c.requests_per_minute, office_hours = c.office_hours where ca = p_ca;
    perform audit_add(p->>'login', 'ca.limited', 'ca:' || p_ca, d - 'commit');
    perform renewals_wake(array(select id from renewals where ca = p_ca and blocked_reason in ('daily_cap_ca', 'office_hours', 'ca_busy')));
  end if;
  return jsonb_build_object('committed', commits(d), 'ca', p_ca, 'daily_cap', c.daily_cap, 'requests_per_minute', c.requests_per_minute,
    'office_hours', c.office_hours);
end $$;

-- ---------------------------------------------------------------- the doctor

-- Everything that waits too long or needs a person, as far as P may see it: with owner, since when, and remedy.
create function doctor(p jsonb) returns table (rank int, level text, area text, text text, remedy text, owner text, since timestamptz, renewal bigint)
language sql stable as $$
  with me as (select (p->>'unit')::bigint as unit, p->>'role' as role)
  select 1, 'fail', 'ca', f.alert, 'Ask the CA by a known telephone number', 'finance', f.fetched_at, null::bigint from ca_facts f where f.alert is not null
  union all
  select 1, 'fail', 'ca', 'the CA has not answered yet', 'Check gateway.* in the settings and the log', 'admin', null, null
    where not exists (select from ca_facts) and exists (select from cas where ca <> 'manual')
  union all
  select 2, 'warn', 'ca', format('the CA %s is left alone since %s: %s', c.ca, c.breaker_since, coalesce(c.last_error, 'it does not answer')),
    'xuqi ca show ' || c.ca || '; one probe goes at ' || coalesce(c.probe_at::text, 'once'), 'ca', c.breaker_since, null
    from ca_items c where c.breaker <> 'closed'
  union all
  select 3, 'warn', 'ca', format('the daily cap of the CA %s is reached: %s of %s', c.ca, c.begun_today, c.daily_cap),
    'xuqi ca limit ' || c.ca || ' --daily-cap N, or wait until tomorrow', 'operator', site_day(), null from ca_items c where c.daily_cap <= c.begun_today
  union all
  select 2, 'warn', 'clock', format('the clock of the CA %s differs from ours by %s seconds', c.ca, abs(c.clock_ahead_s)),
    'Signatures are valid for 300 seconds: let NTP set our clock, and tell the CA', 'admin', null, null from ca_items c where abs(c.clock_ahead_s) > 60
  union all
  select case v.level when 'fail' then 1 else 2 end, v.level, v.area, v.text, v.remedy, 'admin', v.since, null from advice v
  union all
  select 2, 'warn', 'hold', format('effects are held (%s%s): %s', h.scope, coalesce(' ' || u.name, ' ' || h.ca, ''), h.reason)
      || case when x.login is not null then '; ' || x.login || ' asked for the release' else '' end,
    'xuqi hold release ' || h.id || ' (two people)', 'operator', h.set_at, null
    from holds h left join units u on u.id = h.unit_id left join people x on x.id = h.release_asked_by where h.released_at is null
  union all
  select 1, 'fail', 'expiry', format('%s (%s) expired on %s and is not renewed', c.holder, c.service, day_of(c.not_after)), 'xuqi plan', 'operator', c.not_after, c.renewal
    from certificate_items c, me where c.not_after < now() and c.renewal is null and in_scope(c.unit_id, me.unit)
  union all
  select 1, 'fail', 'expiry', format('%s (%s) expires on %s; renewal %s is still %s though it had to start before %s', r.holder, r.service, day_of(r.not_after),
      r.id, r.state, day_of((w->>'latest_start_at')::timestamptz)),
    'Hurry it, or expect the expired path with attachments: xuqi renewal show ' || r.id, coalesce(r.owner, 'operator'), (w->>'latest_start_at')::timestamptz, r.id
    from renewal_items r join campaigns c on c.id = r.campaign_id cross join me
    cross join lateral (select w from jsonb_array_elements(c.plan->'rows') w where w->>'serial' = r.serial limit 1) plan(w)
    where r.state in ('planned', 'awaiting_approval', 'binding', 'bound', 'drafting', 'awaiting_attachments', 'awaiting_intent')
      and (w->>'latest_start_at')::timestamptz < now() and in_scope(r.unit_id, me.unit)
  union all
  select 2, 'warn', 'renewal', format('renewal %s is %s and waits: %s', o.id, o.state, coalesce(o.last_error, o.blocked_reason, 'nobody says for what')),
    o.remedy, o.owner, o.since, o.id from overlong o, me where in_scope(o.unit_id, me.unit)
  union all
  select 1, 'fail', 'effect', format('%s of renewal %s (%s) has no known outcome', e.op, e.renewal_id, e.state),
    'Ask the CA what became of it; do not repeat it by hand', 'operator', e.intended_at, e.renewal_id from orphan_effects e, me where in_scope(e.unit_id, me.unit)
  union all
  select 2, 'warn', 'install', format('a PIN was permitted to the agent of %s for renewal %s, and the agent is gone', o.workstation, o.renewal_id),
    'Look at the token before anything else: xuqi task list --kind pin', 'operator', o.seen_at, o.renewal_id
    from orphan_orders o, me where o.state = 'permitted' and in_scope(o.unit_id, me.unit)
  union all
  select 1, 'fail', 'payment', format('order %s stands in a payment file, and its renewal %s is %s', o.reference, o.renewal_id, o.state),
    'If the bank has not paid it, take it out of the file; if it has, ask the CA for the money', 'finance', o.changed_at, o.renewal_id
    from orphan_payments o, me where o.status = 'exported' and in_scope(o.unit_id, me.unit)
  union all
  select 2, 'warn', 'task', format('task %s (%s) is overdue since %s', k.id, k.title, k.due_at), 'xuqi task show ' || k.id, coalesce(k.assignee, k.role::text), k.due_at, k.renewal_id
    from task_items k, me where k.state = 'open' and k.due_at < now() and in_scope(coalesce(k.set_unit_id, k.workstation_unit_id), me.unit)
  union all
  select 2, 'warn', 'agent', format('agent %s of workstation %s was not seen since %s', g.id, w.name, g.last_seen_at), 'Look at the workstation', 'operator',
    coalesce(g.last_seen_at, g.enrolled_at), null from agents g join workstations w on w.id = g.workstation_id, me
    where g.revoked_at is null and coalesce(g.last_seen_at, g.enrolled_at) < now() - interval '1 day' and in_scope(w.unit_id, me.unit)
  union all
  select 3, 'warn', 'match', format('%s (line %s)', m.text, m.line_id), 'xuqi match list', 'finance', m.first_seen, null from match_flags m, me
    where m.resolved_at is null and me.unit is null and me.role in ('finance', 'approver', 'auditor', 'admin')
$$;
