-- The CAs: limits and breaker (the API's statements take their parameters as in people.sql).

-- name: cas_register
-- What the settings speak to: $1 is a JSON array of words.
insert into cas (ca) select jsonb_array_elements_text($1::jsonb) on conflict do nothing

-- name: breaker_load
select breaker, breaker_version, breaker_failures, breaker_openings, (extract(epoch from breaker_since) * 1000000)::bigint,
  (extract(epoch from breaker_until) * 1000000)::bigint
from cas where ca = $1

-- name: breaker_store
-- The new value of the breaker of $1, over version $2 alone: one row if it was stored.  Instants are microseconds;
-- $8 is what failed, null after an answer.
update cas set breaker = $3, breaker_version = breaker_version + 1, breaker_failures = $4::bigint, breaker_openings = $5::bigint,
  breaker_since = to_timestamp($6::bigint / 1000000.0), breaker_until = to_timestamp($7::bigint / 1000000.0),
  last_error = coalesce($8, last_error), failed_at = case when $8 is null then failed_at else clock_timestamp() end
where ca = $1 and breaker_version = $2::bigint
returning breaker_version

-- name: ca_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('items', coalesce((select jsonb_agg(to_jsonb(i) order by i.ca) from ca_items i), '[]'), 'next_cursor', null)::text from a

-- name: ca_show
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, to_jsonb(i)::text from ca_items i, a where i.ca = a.id

-- name: ca_limit
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, ca_limit(p, id, b)::text from a

-- name: engine_look
-- Once a minute: our clock ($1, microseconds) against the database's, and when the office opens ($2: now, $3: next).
-- $4 is this process: it lives.
select engine_look($1::bigint, $2::boolean, $3::bigint, $4)

-- name: engine_reap
-- Mend what a crash or a change left behind; one row for each thing mended.
select what, object from engine_reap()
