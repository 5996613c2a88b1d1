-- What people ask of one renewal (parameters as in people.sql), and the gateway's notices.

-- name: renewal_withdraw
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, renewal_withdraw(p, id, b)::text from a

-- name: renewal_hint
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, renewal_hint(p, id, b)::text from a

-- name: notice_take
select notice_take($1, $2, $3, $4::bigint)
