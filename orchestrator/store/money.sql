-- Payment orders, statements, links, invoices (parameters as in people.sql).

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
-- $2: the pinned payee {name, account, bank}.
select payments_to_export($1::jsonb)::text, coalesce(payee_alert($2::jsonb), '')

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

-- name: statements_seen
-- How many statements there are: read before a matching run looks, and compared when it saves.
select count(*) from statements

-- name: match_orders
-- Orders that a transfer may still pay.
select o.id, o.reference, o.amount_fen, o.payer_account, o.payer_name, o.payee_name, o.payee_account,
  (extract(epoch from o.made_at) * 1000000)::bigint,
  (exists (select from links l where l.order_id = o.id and l.verdict in ('auto', 'confirmed', 'released')))::int
from payment_orders o where o.status in ('open', 'exported', 'linked') and o.method = 'bank_transfer' order by o.id

-- name: match_lines
-- Lines that are not linked yet, or by a suggestion only; unproven files give suggestions only.  A transfer that came back
-- pays nothing else, though its link was dropped with its order.
select n.id, n.direction, n.amount_fen, n.own_account, n.own_name, n.party_account, n.party_name, n.memo,
  (extract(epoch from n.paid_at) * 1000000)::bigint, s.proven::int, n.paid_at_precision
from statement_lines n join statements s on s.id = n.statement_id
where not exists (select from links l where l.line_id = n.id and l.verdict in ('auto', 'confirmed', 'released'))
  and not exists (select from returns x where x.debit_id = n.id) order by n.id

-- name: links_save
select links_save($1::jsonb, $2::jsonb)::text

-- name: statement_list
-- (listed, for "rows" is a member)
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
listed as (
  select s.id, s.file_name, s.sha256, s.account, s.proven, s.encoding, m.login as imported_by, s.imported_at,
    (select count(*) from statement_lines n where n.statement_id = s.id) as rows
  from statements s join people m on m.id = s.imported_by, a
  where (q->>'cursor' is null or s.id > (q->>'cursor')::bigint)
  order by s.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(listed) order by id) from listed), '[]'), page_limit(q))::text from a

-- name: match_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select m.id, m.line_id as line, m.reference, m.renewal_id as renewal, m.amount_fen, m.payer_account, m.payer_name, m.paid_at,
    m.rule, m.verdict, m.by, m.released_by_login as released_by, m.rejected_by_login as rejected_by, m.text, m.made_at
  from match_items m, a
  where in_scope(m.unit_id, (p->>'unit')::bigint) and (q->>'verdict' is null or m.verdict = q->>'verdict')
    and (q->>'cursor' is null or m.id > (q->>'cursor')::bigint)
  order by m.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: match_show
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('id', m.id, 'rule', m.rule, 'verdict', m.verdict, 'text', m.text, 'reference', m.reference,
  'renewal', m.renewal_id, 'amount_fen', m.amount_fen, 'payer_account', m.payer_account, 'payer_name', m.payer_name, 'paid_at', m.paid_at,
  'by', m.by, 'released_by', m.released_by_login, 'rejected_by', m.rejected_by_login, 'explanation', m.explanation,
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

-- name: match_reject
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('committed', commits(b), 'match', id::bigint)::text
from a, lateral (select match_reject(p, id::bigint, b)) done

-- name: invoice_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select i.id, i.renewal_id as renewal, i.number, i.total_fen, i.buyer, i.seller, i.state, i.email, i.sent_at, i.sha256
  from invoices i join renewals r on r.id = i.renewal_id join certificate_sets s on s.id = r.set_id, a
  where in_scope(s.unit_id, (p->>'unit')::bigint) and (q->>'cursor' is null or i.id > (q->>'cursor')::bigint)
  order by i.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a
