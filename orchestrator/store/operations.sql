-- Agents, holds, and what the doctor says (parameters as in people.sql).

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

-- name: pin_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select i.id, i.token_serial, i.token_label, i.workstation, i.unit, i.since, i.why, i.renewal::text, i.task::text from pin_bars i, a
  where in_scope(i.unit_id, (p->>'unit')::bigint) and (q->>'cursor' is null or i.id > (q->>'cursor')::bigint)
  order by i.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: pin_clear
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, pin_clear(p, id::bigint, b)::text from a

-- name: agent_revoke
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, jsonb_build_object('agent', id::bigint, 'revoked', true)::text
from a, lateral (select agent_revoke(p, id::bigint)) done

-- name: hold_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select h.id, h.scope, coalesce(u.name, h.ca) as target, h.reason, s.login as set_by, h.set_at, x.login as release_asked_by, h.released_at
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

-- name: doctor
-- Whatever waits too long or needs a person, worst first.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
found as (select f.* from a, doctor(a.p) f order by f.rank, f.renewal, f.text limit 200)
select 200, jsonb_build_object('items', coalesce((select jsonb_agg(to_jsonb(found) - 'rank' order by rank, renewal, text) from found),
    jsonb_build_array(jsonb_build_object('level', 'ok', 'area', 'all', 'text', 'nothing waits too long', 'remedy', '', 'owner', null, 'since', null, 'renewal', null))),
  'next_cursor', null)::text from a
