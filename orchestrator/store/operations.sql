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

-- name: doctor
-- Whatever waits too long or needs a person, worst first.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
found as (
  select 1 as rank, 'fail' as level, 'ca' as area, f.alert as text, 'Ask the CA by a known telephone number' as remedy, null::bigint as renewal
    from ca_facts f where f.alert is not null
  union all
  select 1, 'fail', 'ca', 'the CA has not answered yet', 'Check gateway.* in the settings and the log', null where not exists (select from ca_facts)
  union all
  select case v.level when 'fail' then 1 else 2 end, v.level, v.area, v.text, v.remedy, null from advice v
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
