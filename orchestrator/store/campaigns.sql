-- Campaigns and their renewals (parameters as in people.sql).

-- name: campaign_make
with made as (select campaign_make($1::jsonb, $2::jsonb) id) select id from made

-- name: campaign_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select c.id, c.name, c.status, c.policy_name as policy, c.digest, m.login as created_by, c.created_at, c.start_at,
    jsonb_build_object('count', c.plan->'count', 'amount_fen', c.plan->'total_fen') as totals,
    (select coalesce(jsonb_object_agg(state, n), '{}') from (
      select state, count(*) n from renewals where campaign_id = c.id group by state) s) as counts
  from campaigns c join people m on m.id = c.created_by, a
  where campaign_in_scope(c.id, (p->>'unit')::bigint) and (q->>'cursor' is null or c.id > (q->>'cursor')::bigint)
  order by c.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: campaign_show
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select coalesce(200, 404), jsonb_build_object('id', c.id, 'name', c.name, 'status', c.status, 'policy', c.policy_name, 'digest', c.digest,
  'created_by', m.login, 'created_at', c.created_at, 'start_at', c.start_at,
  'approvals', (select coalesce(jsonb_agg(jsonb_build_object('gate', x.gate, 'by', y.login, 'at', x.approved_at,
      'valid', x.digest = c.digest) order by x.id), '[]') from approvals x join people y on y.id = x.approver_id where x.campaign_id = c.id),
  'counts', (select coalesce(jsonb_object_agg(state, n), '{}') from (select state, count(*) n from renewals where campaign_id = c.id group by state) s),
  'totals', jsonb_build_object('count', c.plan->'count', 'amount_fen', c.plan->'total_fen'), 'payee', c.plan->'payee', 'agreement_sha256', c.plan->'agreement_sha256',
  'policy_sha256', c.policy_sha256, 'rows', c.plan->'rows')::text
from campaigns c join people m on m.id = c.created_by, a where c.id::text = a.id and campaign_in_scope(c.id, (p->>'unit')::bigint)

-- name: campaign_approve
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('campaign', id::bigint, 'gate', b->>'gate', 'digest', b->>'digest')::text
from a, lateral (select campaign_approve(p, id::bigint, b)) done

-- name: campaign_run
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, campaign_run(p, id::bigint, b)::text from a

-- name: renewal_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select r.id, r.campaign, r.serial, r.holder, r.service, r.unit, r.not_after, r.kind, r.state, r.blocked_reason, r.owner,
    nullif(r.due_at, 'infinity') as due_at, r.attempts, r.pin_tries, r.term_years,
    coalesce(r.quoted_fen, r.approved_fen) as price_fen, r.token_serial, r.token_label, r.workstation
  from renewal_items r, a
  where in_scope(r.unit_id, (p->>'unit')::bigint)
    and (q->>'campaign' is null or q->>'campaign' in (r.campaign, r.campaign_id::text))
    and (q->>'state' is null or r.state = q->>'state')
    and (q->>'unit' is null or r.unit = q->>'unit')
    and (q->>'blocked' is null or r.blocked_reason = q->>'blocked')
    and (q->>'cursor' is null or r.id > (q->>'cursor')::bigint)
  order by r.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: renewal_show
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, (jsonb_build_object('id', r.id, 'campaign', r.campaign, 'serial', r.serial, 'holder', r.holder, 'service', r.service,
  'unit', r.unit, 'not_after', r.not_after, 'kind', r.kind, 'state', r.state, 'blocked_reason', r.blocked_reason, 'owner', r.owner,
  'due_at', nullif(r.due_at, 'infinity'), 'attempts', r.attempts, 'pin_tries', r.pin_tries, 'term_years', r.term_years,
  'price_fen', coalesce(r.quoted_fen, r.approved_fen), 'token_serial', r.token_serial, 'token_label', r.token_label,
  'workstation', r.workstation, 'last_error', r.last_error, 'application', r.facts->>'application_id')
  || jsonb_build_object(
  'bound_account', (select b.account from bindings b where b.set_id = v.set_id and b.ca = v.ca),
  'new_serial', n.serial, 'new_not_after', n.not_after,
  'payment', (select jsonb_build_object('reference', o.reference, 'amount_fen', o.amount_fen, 'status', o.status,
      'link', (select l.verdict from links l where l.order_id = o.id and l.verdict <> 'dropped'))
    from dues d join payment_orders o on o.id = d.order_id where d.renewal_id = r.id),
  'invoice_number', (select number from invoices i where i.renewal_id = r.id order by id desc limit 1),
  'what_next', coalesce(
    (select k.title || ' (xuqi task show ' || k.id || ')' from tasks k where k.renewal_id = r.id and k.state = 'open' order by k.id limit 1),
    (select w.remedy from patience w where w.reason = r.blocked_reason and (w.state is null or w.state = r.state) order by w.state limit 1)),
  'timeline', (select coalesce(jsonb_agg(jsonb_build_object('at', j.at, 'event', j.event, 'from', j.from_state, 'to', j.to_state,
      'by', j.by, 'text', j.text) order by j.id), '[]') from journal j where j.renewal_id = r.id)))::text
from renewal_items r join renewals v on v.id = r.id
left join lateral (select c.serial, c.not_after from certificates c
  where c.set_id = v.set_id and c.not_after > r.not_after and c.role <> 'encrypt' order by c.not_after desc limit 1) n on true, a
where (r.id::text = a.id or r.serial = upper(a.id)) and in_scope(r.unit_id, (p->>'unit')::bigint)
order by r.id desc limit 1
