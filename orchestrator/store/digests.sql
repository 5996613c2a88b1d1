-- Digest notifications: see schema/0021_digests.sql.

-- name: digests_make
select digests_make($1::timestamptz, $2::boolean, $3::text[])

-- name: notice_claim
select notice_claim($1::int)

-- name: notice_settle
select notice_settle($1::bigint, $2::int, $3, $4::double precision, $5)

-- name: notice_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select n.id, m.login as owner, d.slot as slot_at, n.channel, n.state, n.attempts, n.due_at, n.settled_at, n.last_error,
    (select count(*) from digest_tasks t where t.digest_id = d.id) as tasks
  from deliveries n join digests d on d.id = n.digest_id join people m on m.id = d.owner_id, a
  where (p->>'role' in ('operator', 'auditor', 'admin') and p->>'unit' is null or d.owner_id = (p->>'person')::bigint)
    and (q->>'state' is null or n.state = q->>'state')
    and (q->>'cursor' is null or n.id < (q->>'cursor')::bigint)
  order by n.id desc limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id desc) from rows), '[]'), page_limit(q))::text from a
