-- The price lists of CAs that quote no price (parameters as in people.sql).

-- name: price_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select l.id, price_shown(l) as shown from price_lists l, a
  where (q->>'ca' is null or l.ca = q->>'ca') and (q->>'cursor' is null or l.id > (q->>'cursor')::bigint)
  order by l.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(shown order by id) from rows), '[]'), page_limit(q))::text from a

-- name: price_propose
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 201, price_propose(p, b)::text from a

-- name: price_approve
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, price_approve(p, id::bigint, b)::text from a
