-- What the agents' listener asks the database.

-- name: agent_by_key
-- The agent whose certificate has this public key: its id, and whether it was revoked.
select id, (revoked_at is not null)::int from agents where key_sha256 = $1

-- name: agent_enrol
select agent_enrol($1, $2, $3, $4, $5)

-- name: agent_check_in
with seen as (select check_in($1::bigint, $2::jsonb))
select count(*) from seen

-- name: agent_orders
-- The order for an agent, and whether its report is wanted anew: a restored backup knows an older one.
select order_offer($1::bigint)::text, exists (select from restore_reports where agent_id = $1::bigint)

-- name: agent_seen
update agents set last_seen_at = now() where id = $1::bigint

-- name: agent_permit
select to_char(pin_permit($1::bigint, $2::bigint, $3, $4) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')

-- name: agent_result
select install_result($1::bigint, $2::bigint, $3::jsonb)
