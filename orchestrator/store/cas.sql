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
