-- The people's API: every statement takes the caller, the path's parameter, the query and the body, and gives
-- back a status and a document.  All of them begin with the same line, so that every parameter has its type.

-- name: principal
-- Who holds the token with this SHA-256, if it is valid now.
select jsonb_build_object('person', p.id, 'login', p.login, 'role', t.role, 'unit', t.unit_id)::text
from api_tokens t join people p on p.id = t.person_id
where t.secret_sha256 = $1 and t.revoked_at is null and t.expires_at > now()

-- name: admin_needed
select not exists (select from api_tokens)

-- name: admin_bootstrap
-- The first token of an installation that has none; later starts change nothing.
with person as (
  insert into people (login, name) select 'admin', 'admin' where not exists (select from api_tokens)
  on conflict (login) do update set name = people.name returning id)
insert into api_tokens (person_id, role, secret_sha256, expires_at)
select id, 'admin', $1, now() + interval '365 days' from person
returning id

-- name: certificate_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select c.id, c.holder, c.service, c.uscc, c.unit, c.media_no, c.serial, c.not_after, c."group", c.key_type, c.roles,
    c.token_serial, c.token_label, c.workstation, c.custodian, c.place, c.handler, c.renewal, c.renewal_state, c.source
  from certificate_items c, a
  where in_scope(c.unit_id, (p->>'unit')::bigint)
    and (q->>'unit' is null or c.unit = q->>'unit')
    and (q->>'holder' is null or c.holder = q->>'holder')
    and (q->>'serial' is null or c.serial = upper(q->>'serial'))
    and (q->>'group' is null or c."group" = q->>'group')
    and (q->>'expires_within_days' is null
         or c.not_after <= now() + make_interval(days => (q->>'expires_within_days')::int))
    and (q->>'cursor' is null
         or (c.not_after, c.id) > (select not_after, id from certificate_sets where id = (q->>'cursor')::bigint))
  order by c.not_after, c.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by not_after, id) from rows), '[]'), page_limit(q))::text from a

-- name: certificate_import
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
done as (select certificates_import_checked(p, b) report from a)
select case when report->'errors' = '[]' then 200 else 422 end, report::text from done

-- name: plan_candidates
-- What a policy decides about: every certificate set in the caller's scope that expires within the horizon ($2 days
-- ahead) and expired no longer ago than $3 days.
select s.id, c.serial, c.key_type, s.holder, s.service, coalesce(u.name, '') as unit, s.uscc, s.media_no,
  (extract(epoch from s.not_after) * 1000000)::bigint as not_after_us, w.client_version, t.serial as token_serial,
  coalesce(t.free_bytes, -1) as free_bytes,
  exists (select from agents g where g.workstation_id = w.id and g.revoked_at is null) as agent_known,
  exists (select from renewals r join renewal_states e on e.state = r.state where r.set_id = s.id and not e.final) as open_renewal,
  coalesce(h.login, '') as handler,
  (select (extract(epoch from max(coalesce(x.authorised_until, 'infinity'::date) + 1)::timestamp at time zone 'Asia/Shanghai') * 1000000)::text
   from handlers x where x.person_id = s.handler_id and x.legal_entity_id = s.legal_entity_id) as authorised_until_us
from certificate_sets s
left join units u on u.id = s.unit_id
left join tokens t on t.id = s.token_id
left join workstations w on w.id = t.workstation_id
left join people h on h.id = s.handler_id
left join lateral (
  select (array_agg(serial order by role = 'encrypt', not_after))[1] as serial,
    (array_agg(key_type order by role = 'encrypt'))[1] as key_type
  from certificates where set_id = s.id and replaced_by is null) c on true
where in_scope(s.unit_id, ($1::jsonb->>'unit')::bigint)
  and s.not_after between now() - make_interval(days => $3::int) and now() + make_interval(days => $2::int)
order by s.not_after, s.id

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
  'new_serial', n.serial, 'new_not_after', n.not_after,
  'payment', (select jsonb_build_object('reference', o.reference, 'amount_fen', o.amount_fen, 'status', o.status,
      'link', (select l.verdict from links l where l.order_id = o.id and l.verdict <> 'dropped'))
    from dues d join payment_orders o on o.id = d.order_id where d.renewal_id = r.id),
  'invoice_number', (select number from invoices i where i.renewal_id = r.id order by id desc limit 1),
  'what_next', (select k.title || ' (xuqi task show ' || k.id || ')' from tasks k where k.renewal_id = r.id and k.state = 'open' order by k.id limit 1),
  'timeline', (select coalesce(jsonb_agg(jsonb_build_object('at', j.at, 'event', j.event, 'from', j.from_state, 'to', j.to_state,
      'by', j.by, 'text', j.text) order by j.id), '[]') from journal j where j.renewal_id = r.id)))::text
from renewal_items r join renewals v on v.id = r.id
left join lateral (select c.serial, c.not_after from certificates c
  where c.set_id = v.set_id and c.not_after > r.not_after and c.role <> 'encrypt' order by c.not_after desc limit 1) n on true, a
where (r.id::text = a.id or r.serial = upper(a.id)) and in_scope(r.unit_id, (p->>'unit')::bigint)
order by r.id desc limit 1

-- name: task_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select k.id, k.kind, k.title, k.renewal_id as renewal, k.holder, k.service, k.role, k.assignee, k.workstation, k.token_serial,
    k.token_label, k.due_at, k.state, k.instruction, k.needs, k.if_ignored, k.opened_at, k.closed_at,
    case when k.secret is not null and k.assignee_id = (p->>'person')::bigint then k.values || jsonb_build_object('qr_text', k.secret)
         else k.values end as values
  from task_items k, a
  where in_scope(coalesce(k.set_unit_id, k.workstation_unit_id), (p->>'unit')::bigint)
    and (a.id is null or k.id::text = a.id)
    and (q->>'kind' is null or k.kind = q->>'kind')
    and (a.id is not null or coalesce(q->>'state', 'open') = 'all' or k.state = coalesce(q->>'state', 'open'))
    and (q->>'mine' is distinct from 'true' or k.assignee_id = (p->>'person')::bigint
         or (k.assignee_id is null and k.role::text = p->>'role'))
    and (q->>'cursor' is null or k.id > (q->>'cursor')::bigint)
  order by k.id limit (select page_limit(q) + 1 from a))
select case when a.id is not null and not exists (select from rows) then 404 else 200 end,
  case when a.id is not null then coalesce((select to_jsonb(rows) from rows), '{}')
       else page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q)) end::text from a

-- name: task_done
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, task_done(p, id::bigint, b)::text from a

-- name: payment_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select o.id, o.reference, d.renewal_id as renewal, s.holder, o.amount_fen, o.payer_account, o.payer_name, o.payee_name,
    o.payee_account, o.payee_bank, o.status, o.file_id as file, o.made_at as created_at
  from payment_orders o join dues d on d.order_id = o.id join renewals r on r.id = d.renewal_id
  join certificate_sets s on s.id = r.set_id, a
  where in_scope(s.unit_id, (p->>'unit')::bigint)
    and (q->>'status' is null or o.status = q->>'status')
    and (q->>'cursor' is null or o.id > (q->>'cursor')::bigint)
  order by o.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: payments_to_export
select payments_to_export($1::jsonb)::text, coalesce((select alert from ca_facts where ca = 'gateway'), '')

-- name: payments_exported
select payments_exported($1::jsonb, array(select jsonb_array_elements_text($2::jsonb)::bigint), $3, $4::bigint)::text

-- name: payment_file
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('file', f.id, 'sha256', f.sha256, 'count', f.count, 'total_fen', f.total_fen, 'made_at', f.made_at,
  'csv', convert_from(f.content, 'UTF8'))::text from payment_files f, a where f.id::text = a.id
  and not exists (select from payment_orders o join dues d on d.order_id = o.id join renewals r on r.id = d.renewal_id
    join certificate_sets s on s.id = r.set_id where o.file_id = f.id and not in_scope(s.unit_id, (p->>'unit')::bigint))

-- name: statement_known
-- Which of these line keys are here already.
select line_key from statement_lines where line_key = any (array(select jsonb_array_elements_text($1::jsonb)))

-- name: statement_save
select statement_save($1::jsonb, $2::jsonb)::text

-- name: match_orders
-- Orders that a transfer may still pay.
select o.id, o.reference, o.amount_fen, o.payer_account, o.payer_name, o.payee_name, o.payee_account,
  (extract(epoch from o.made_at) * 1000000)::bigint,
  (exists (select from links l where l.order_id = o.id and l.verdict in ('auto', 'confirmed', 'released')))::int
from payment_orders o where o.status in ('open', 'exported', 'linked') order by o.id

-- name: match_lines
-- Lines that are not linked yet, or by a suggestion only; unproven files give suggestions only.
select n.id, n.direction, n.amount_fen, n.own_account, n.own_name, n.party_account, n.party_name, n.memo,
  (extract(epoch from n.paid_at) * 1000000)::bigint, s.proven::int, n.paid_at_precision
from statement_lines n join statements s on s.id = n.statement_id
where not exists (select from links l where l.line_id = n.id and l.verdict in ('auto', 'confirmed', 'released')) order by n.id

-- name: links_save
select links_save($1::jsonb, $2::jsonb)::text

-- name: statement_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select s.id, s.file_name, s.sha256, s.account, s.proven, s.encoding, m.login as imported_by, s.imported_at,
    (select count(*) from statement_lines n where n.statement_id = s.id) as rows
  from statements s join people m on m.id = s.imported_by, a
  where (q->>'cursor' is null or s.id > (q->>'cursor')::bigint)
  order by s.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: match_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select m.id, m.line_id as line, m.reference, m.renewal_id as renewal, m.amount_fen, m.payer_account, m.payer_name, m.paid_at,
    m.rule, m.verdict, m.by, m.released_by_login as released_by, m.text, m.made_at
  from match_items m, a
  where in_scope(m.unit_id, (p->>'unit')::bigint) and (q->>'verdict' is null or m.verdict = q->>'verdict')
    and (q->>'cursor' is null or m.id > (q->>'cursor')::bigint)
  order by m.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: match_show
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('id', m.id, 'rule', m.rule, 'verdict', m.verdict, 'text', m.text, 'reference', m.reference,
  'renewal', m.renewal_id, 'amount_fen', m.amount_fen, 'payer_account', m.payer_account, 'payer_name', m.payer_name, 'paid_at', m.paid_at,
  'by', m.by, 'released_by', m.released_by_login, 'explanation', m.explanation,
  'source', (select jsonb_build_object('file', s.file_name, 'sha256', s.sha256, 'row', n.row, 'byte_offset', n.byte_offset, 'raw', n.raw)
    from statement_lines n join statements s on s.id = n.statement_id where n.id = m.line_id))::text
from match_items m, a where m.id::text = a.id and in_scope(m.unit_id, (p->>'unit')::bigint)

-- name: match_confirm
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('committed', commits(b), 'match', id::bigint)::text
from a, lateral (select match_confirm(p, id::bigint, b)) done

-- name: match_release
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('committed', commits(b), 'match', id::bigint)::text
from a, lateral (select match_release(p, id::bigint, b)) done

-- name: invoice_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select i.id, i.renewal_id as renewal, i.number, i.total_fen, i.buyer, i.seller, i.state, i.email, i.sent_at, i.sha256
  from invoices i join renewals r on r.id = i.renewal_id join certificate_sets s on s.id = r.set_id, a
  where in_scope(s.unit_id, (p->>'unit')::bigint) and (q->>'cursor' is null or i.id > (q->>'cursor')::bigint)
  order by i.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: enrol_code_make
select enrol_code_make($1::jsonb, $2::jsonb)::text

-- name: agent_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select g.id, w.name as workstation, u.name as unit, w.place, g.hostname, g.agent_version, w.client_version, g.enrolled_at,
    g.last_seen_at, g.revoked_at,
    (select coalesce(jsonb_agg(t.serial order by t.serial), '[]') from tokens t where t.workstation_id = w.id and t.present) as tokens_present
  from agents g join workstations w on w.id = g.workstation_id join units u on u.id = w.unit_id, a
  where in_scope(w.unit_id, (p->>'unit')::bigint) and (q->>'cursor' is null or g.id > (q->>'cursor')::bigint)
  order by g.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: agent_revoke
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('agent', id::bigint, 'revoked', true)::text
from a, lateral (select agent_revoke(p, id::bigint)) done

-- name: hold_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select h.id, h.scope, u.name as target, h.reason, s.login as set_by, h.set_at, x.login as release_asked_by, h.released_at
  from holds h left join units u on u.id = h.unit_id left join people s on s.id = h.set_by
  left join people x on x.id = h.release_asked_by, a
  where (q->>'cursor' is null or h.id > (q->>'cursor')::bigint)
  order by h.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: hold_set
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 201, jsonb_build_object('id', hold_set(p, b), 'scope', coalesce(b->>'scope', 'all'), 'target', b->>'target', 'reason', b->>'reason')::text from a

-- name: hold_release
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, hold_release(p, id::bigint)::text from a

-- name: organisation_apply
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, organisation_apply(p, b)::text from a

-- name: token_make
select token_make($1::jsonb, $2::jsonb)::text

-- name: token_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select t.id, m.login, m.name, t.role, u.name as unit, t.made_at, t.expires_at, t.revoked_at
  from api_tokens t join people m on m.id = t.person_id left join units u on u.id = t.unit_id, a
  where in_scope(t.unit_id, (p->>'unit')::bigint) and (q->>'cursor' is null or t.id > (q->>'cursor')::bigint)
  order by t.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: token_revoke
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
gone as (update api_tokens t set revoked_at = coalesce(revoked_at, now()) from a
  where t.id::text = a.id and in_scope(t.unit_id, (p->>'unit')::bigint) returning t.id),
said as (insert into audit (actor, action, object) select a.p->>'login', 'token.revoked', 'token:' || gone.id from gone, a)
select 200, jsonb_build_object('id', gone.id, 'revoked', true)::text from gone

-- name: doctor
-- Whatever waits too long or needs a person, worst first.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
found as (
  select 1 as rank, 'fail' as level, 'ca' as area, f.alert as text, 'Ask the CA by a known telephone number' as remedy, null::bigint as renewal
    from ca_facts f where f.alert is not null
  union all
  select 1, 'fail', 'ca', 'the CA has not answered yet', 'Check gateway.* in the settings and the log', null where not exists (select from ca_facts)
  union all
  select 2, 'warn', 'hold', 'effects are held: ' || h.reason, 'xuqi hold release ' || h.id || ' (two people)', null from holds h where h.released_at is null
  union all
  select 1, 'fail', 'expiry', format('%s (%s) expired on %s and is not renewed', c.holder, c.service, c.not_after::date), 'xuqi plan', c.renewal
    from certificate_items c, a where c.not_after < now() and c.renewal is null and in_scope(c.unit_id, (a.p->>'unit')::bigint)
  union all
  select 2, 'warn', 'renewal', format('renewal %s is %s and waits: %s', r.id, r.state, coalesce(r.last_error, r.blocked_reason)),
    coalesce('owner: ' || r.owner, 'xuqi renewal show ' || r.id), r.id
    from renewal_items r, a where r.blocked_reason in ('pin', 'install', 'refused', 'unknown_outcome', 'ca_unreachable', 'payee', 'payer',
      'client_version', 'remittance_refused', 'error') and in_scope(r.unit_id, (a.p->>'unit')::bigint)
  union all
  select 2, 'warn', 'task', format('task %s (%s) is overdue since %s', k.id, k.title, k.due_at), 'xuqi task show ' || k.id, k.renewal_id
    from task_items k, a where k.state = 'open' and k.due_at < now() and in_scope(coalesce(k.set_unit_id, k.workstation_unit_id), (a.p->>'unit')::bigint)
  union all
  select 2, 'warn', 'agent', format('agent %s of workstation %s was not seen since %s', g.id, w.name, g.last_seen_at),
    'Look at the workstation', null from agents g join workstations w on w.id = g.workstation_id, a
    where g.revoked_at is null and coalesce(g.last_seen_at, g.enrolled_at) < now() - interval '1 day' and in_scope(w.unit_id, (a.p->>'unit')::bigint)
  union all
  select 3, 'warn', 'match', format('%s (line %s)', m.text, m.line_id), 'xuqi match list', null from match_flags m, a
    where m.resolved_at is null and a.p->>'unit' is null and a.p->>'role' in ('finance', 'approver', 'auditor', 'admin')
  order by 1, 6 limit 200)
select 200, jsonb_build_object('items', coalesce((select jsonb_agg(to_jsonb(found) - 'rank' order by rank, renewal) from found),
    jsonb_build_array(jsonb_build_object('level', 'ok', 'area', 'all', 'text', 'nothing waits too long', 'remedy', '', 'renewal', null))),
  'next_cursor', null)::text from a

-- name: readiness
select 1
