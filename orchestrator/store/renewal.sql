-- What the sweep and the stages of a renewal ask the database.

-- name: renewals_claim
-- Take up to $1 renewals that are due for $2 seconds, skipping those another worker holds and those under a
-- hold.  The new epoch is the fence: whoever held the renewal before can finish nothing any more.  A claim is never
-- earlier than the wake-up that it answers, wherever the clock is set.  Of a campaign whose policy bounds the steps under
-- way (concurrency), only so many: two sweeps at one instant may together take more, and the next ones then less.
with bounded as materialized (select id, most, taken from campaigns_bounded()),
due as materialized (
  select r.id, r.campaign_id, r.due_at from renewals r
  where r.due_at <= now() and (r.claimed_until is null or r.claimed_until < now())
    and r.state not in ('planned', 'awaiting_approval', 'done', 'withdrawn', 'failed', 'refunded')
    and not (exists (select from holds h where h.released_at is null)
      and is_held((select unit_id from certificate_sets s where s.id = r.set_id), r.ca))
    and r.campaign_id not in (select id from bounded where taken >= most)
  order by r.due_at limit $1::int for update of r skip locked),
mine as (
  select d.id from (select id, campaign_id, row_number() over (partition by campaign_id order by due_at, id) as place from due) d
  left join bounded b on b.id = d.campaign_id where b.id is null or b.taken + d.place <= b.most)
update renewals r set epoch = nextval('lease_epoch'), claimed_at = greatest(clock_timestamp(), woken_at),
  claimed_until = clock_timestamp() + make_interval(secs => $2::int)
from mine where r.id = mine.id
returning r.id, r.epoch

-- name: renewals_load
-- Everything a stage decides by, as one document for each renewal whose lease stands.  $1: [{id, epoch}] (loop/batch.h).
select i.n, null as failed, null as why, (jsonb_build_object(
  'id', r.id::text, 'state', r.state, 'kind', r.kind, 'attempts', r.attempts, 'reason', r.blocked_reason,
  'age_s', extract(epoch from clock_timestamp() - r.changed_at)::bigint,
  'term_years', r.term_years, 'approved_fen', r.approved_fen, 'quoted_fen', r.quoted_fen, 'facts', r.facts,
  'touch_approved', r.touch_approval is not null,
  'install_id', (select id from installation),
  'set', jsonb_build_object('id', s.id::text, 'holder', s.holder, 'service', s.service, 'uscc', s.uscc,
    'media_no', s.media_no, 'not_after', s.not_after, 'expired', s.not_after <= now(), 'unit', s.unit_id),
  'certificates', (select coalesce(jsonb_agg(jsonb_build_object('id', c.id::text, 'serial', c.serial,
      'issuer_sha256', c.issuer_sha256, 'sha256', c.sha256, 'role', c.role, 'spki_sha256', c.spki_sha256,
      'subject_sha256', c.subject_sha256, 'not_after', c.not_after,
      'der_b64', translate(encode(c.der, 'base64'), E'\n', '')) order by c.role = 'encrypt', c.id), '[]')
    from certificates c where c.set_id = s.id and c.replaced_by is null),
  'token', (select jsonb_build_object('id', t.id::text, 'serial', t.serial, 'label', t.label, 'present', t.present,
      'workstation', t.workstation_id::text, 'workstation_name', w.name, 'place', w.place, 'client_version', w.client_version)
    from tokens t left join workstations w on w.id = t.workstation_id where t.id = s.token_id),
  'handler', (select jsonb_build_object('id', p.id::text, 'login', p.login, 'name', p.name, 'mobile', sealed_at(p.mobile, 'people.mobile', p.login), 'email', sealed_at(p.email, 'people.email', p.login))
    from people p where p.id = coalesce(r.handler_id, s.handler_id)),
  'entity', (select jsonb_build_object('name', e.name, 'uscc', e.uscc, 'tax_id', e.tax_id, 'invoice_title', e.invoice_title)
    from legal_entities e where e.id = s.legal_entity_id),
  'payer', (select jsonb_build_object('account', a.account, 'name', a.name) from payer_accounts a
    where a.legal_entity_id = s.legal_entity_id
      and (c.policy->>'payer_account' is null or a.account = c.policy->>'payer_account') order by a.id limit 1),
  'campaign', jsonb_build_object('id', c.id::text, 'digest', c.digest, 'policy', c.policy,
    'agreement_sha256', c.plan->>'agreement_sha256', 'agreement_signed', exists (select from approvals a
      where a.id = r.spend_approval and a.agreement_sha256 = c.plan->>'agreement_sha256')),
  'tasks', (select coalesce(jsonb_object_agg(k.kind, jsonb_build_object('id', k.id::text, 'state', k.state,
      'answer', answer_at(k.answer, k.id), 'closed_at', k.closed_at, 'closed_by', k.closed_by, 'values', k.values)), '{}')
    from (select distinct on (kind) * from tasks where renewal_id = r.id order by kind, id desc) k),
  'effects', (select coalesce(jsonb_object_agg(e.op, e.attempt), '{}')
    from (select op, max(attempt) filter (where settled_at is not null) as attempt
          from effects where renewal_id = r.id group by op) e),
  'order', (select jsonb_build_object('id', o.id::text, 'reference', o.reference, 'amount_fen', o.amount_fen,
      'status', o.status,
      'line', (select jsonb_build_object('payer_account', n.own_account, 'payer_name', n.own_name,
          'amount_fen', n.amount_fen, 'paid_at', n.paid_at, 'precision', n.paid_at_precision,
          'bank_serial', n.bank_serial)
        from links l join statement_lines n on n.id = l.line_id
        where l.order_id = o.id and l.verdict in ('auto', 'released')),
      'suggested', exists (select from links l where l.order_id = o.id and l.verdict in ('suggested', 'confirmed')))
    from dues d join payment_orders o on o.id = d.order_id where d.renewal_id = r.id),
  'install', (select jsonb_build_object('id', i.id::text, 'state', i.state, 'outcome', i.outcome, 'result', i.result,
      'permit_age_s', (select extract(epoch from clock_timestamp() - max(permitted_at))::bigint from pin_attempts a where a.order_id = i.id),
      'answered', exists (select from tasks k where k.renewal_id = r.id and k.kind in ('install', 'pin') and k.state = 'done'
        and k.closed_at > i.reported_at),
      'first', i.id = (select min(j.id) from install_orders j join tokens tj on tj.id = j.token_id
        join tokens ti on ti.id = i.token_id
        where tj.workstation_id = ti.workstation_id and j.state in ('queued', 'offered', 'permitted')),
      'neighbour_busy', exists (select from install_orders j join tokens tj on tj.id = j.token_id
        join tokens ti on ti.id = i.token_id
        where j.id <> i.id and tj.workstation_id = ti.workstation_id
          and (j.state in ('offered', 'permitted') or (j.state = 'queued' and tj.present))))
    from install_orders i where i.renewal_id = r.id and i.state <> 'closed'),
  'installed', (select i.result from install_orders i where i.renewal_id = r.id and i.outcome = 'installed'
    order by i.id desc limit 1),
  'ca_name', r.ca, 'ca', (select meta from ca_facts f where f.ca = r.ca),
  'pace', (select jsonb_build_object('office_hours', office_hours, 'requests_per_minute', greatest(case when requests_per_minute > 0 then 1 end,
      requests_per_minute / (select greatest(1, count(*)) from workers where seen_at > now() - interval '150 seconds')), 'breaker', breaker,
      'version', breaker_version, 'failures', breaker_failures, 'openings', breaker_openings,
      'since_at', (extract(epoch from breaker_since) * 1000000)::bigint, 'until_at', (extract(epoch from breaker_until) * 1000000)::bigint)
    from cas where cas.ca = r.ca),
  'pin_barred', exists (select from pin_attempts a where a.token_id = s.token_id and a.cleared_at is null
    and (a.outcome is null or a.outcome in ('incorrect', 'unsure')))
) || renewal_turns(r))::text
from rows from (jsonb_to_recordset($1::jsonb) as (id bigint, epoch bigint)) with ordinality i(id, epoch, n)
join renewals r on r.id = i.id and r.epoch = i.epoch
join certificate_sets s on s.id = r.set_id
join campaigns c on c.id = r.campaign_id

-- name: effects_intend
-- $1: [{id, epoch, op, attempt, key, spends, alone}]
select n, failed, why, attempt, existed, wait_reason, wait_s from effects_intend($1::jsonb)

-- name: renewals_conclude
-- $1: [{id, epoch, doc}]
select n, failed, why from renewals_conclude($1::jsonb, 'xuqid')

-- name: renewal_reclaim
-- At the start of the only worker of an embedded database: what a dead one held is free.
update renewals set claimed_until = null, due_at = least(due_at, now()) where claimed_until is not null

-- name: renewal_files
-- The files a person attached for this renewal's last task of a kind, sealed, with the place they are sealed for.
select sealed_at(f.name, 'task_files.name', f.task_id || '/' || f.n), f.media_type,
  'task_files.content/' || f.task_id || '/' || f.n, translate(encode(f.content, 'base64'), E'\n', '')
from task_files f
where f.task_id = (select max(id) from tasks where renewal_id = $1::bigint and kind = $2 and state = 'done')
  and f.content is not null
order by f.n limit 10

-- name: campaign_plan
select plan::text, digest from campaigns where id = $1::bigint

-- name: campaigns_start
select campaigns_start($1::int)

-- name: sweep_next
-- Milliseconds until the next renewal that nobody holds is due or a campaign starts; at most $1, which also bounds
-- how late a lease that ran out is noticed.
select greatest(0, least($1::bigint, coalesce(ceil(extract(epoch from least(
  (select r.due_at from renewals r
   where r.state not in ('planned', 'awaiting_approval', 'done', 'withdrawn', 'failed', 'refunded')
     and (r.claimed_until is null or r.claimed_until < now()) and not (exists (select from holds h where h.released_at is null)
       and is_held((select unit_id from certificate_sets s where s.id = r.set_id), r.ca))
     and r.campaign_id not in (select id from campaigns_bounded() where taken >= most) -- a step that ends sweeps again
   order by r.due_at limit 1),
  (select min(start_at) from campaigns c where status = 'running' and start_at > now()
    and exists (select from renewals r where r.campaign_id = c.id and r.state = 'awaiting_approval'))
) - clock_timestamp()) * 1000), $1)))::bigint

-- name: campaigns_finish
-- A running campaign whose renewals have all ended is finished.
update campaigns c set status = 'finished' where status = 'running' and not exists (
  select from renewals r join renewal_states s on s.state = r.state where r.campaign_id = c.id and not s.final)

-- name: ca_facts_save
-- Keep what the CA says of itself; the alert stops payments until the payee is the pinned one again.
insert into ca_facts (ca, meta, fetched_at, alert) values ($1, $2::jsonb, now(), $3)
on conflict (ca) do update set meta = excluded.meta, fetched_at = now(), alert = excluded.alert
returning (select old.alert from ca_facts old where old.ca = $1) is distinct from $3

-- name: agreement_missing
-- One row where the text of the agreement that the CA $1 names is not here yet.
select 1 from ca_facts f where f.ca = $1 and f.meta#>>'{agreement,sha256}' is not null
  and not exists (select from agreements g where g.ca = f.ca and g.sha256 = f.meta#>>'{agreement,sha256}')

-- name: agreement_save
insert into agreements (ca, sha256, version, title, text) values ($1, $2, $3, $4, $5) on conflict do nothing

-- name: ca_facts_alarm
-- An answer that is not the CA's stops what spends, until the CA answers again.
update ca_facts set alert = $2 where ca = $1 and alert is null

-- name: ca_facts_load
select meta, alert from ca_facts_now($1)

-- name: payee_task
-- One open task while CA $3 names another payee than the pinned one.
with closing as (
  update tasks set state = 'done', closed_at = clock_timestamp(), answer = '{"by":"xuqid"}'
  where kind = 'payee_changed' and renewal_id is null and values->>'ca' = $3 and state = 'open' and $1::text is null)
insert into tasks (kind, role, title, instruction, if_ignored, values)
select 'payee_changed', 'finance', 'The CA names another payee', $1,
  'No payment order is exported and no payment is opened.', $2::jsonb || jsonb_build_object('ca', $3::text)
where $1::text is not null and not exists (
  select from tasks where kind = 'payee_changed' and renewal_id is null and values->>'ca' = $3 and state = 'open')
