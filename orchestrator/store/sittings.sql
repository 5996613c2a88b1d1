-- Sittings, answers in a list, and certificates that people upload (parameters as in people.sql).

-- name: sitting_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select c.sitting, min(c.owner) as person, min(c.place) as place, count(*) as cards, sum(c.minutes) as minutes,
    count(*) filter (where c.kind = 'bind') as bindings, bool_or(c.held) as held, min(c.due_at) as due_at,
    min(c.owner) || min(c.place) as o
  from sitting_cards c, a
  where in_scope(c.set_unit_id, (p->>'unit')::bigint)
    and (q->>'mine' is distinct from 'true' or c.owner in (p->>'login', p->>'role'))
  group by c.sitting)
select 200, jsonb_build_object('items', (select coalesce(jsonb_agg(to_jsonb(rows) - 'o' order by o, sitting), '[]') from rows), 'next_cursor', null)::text from a

-- name: sitting_show
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
shown as (select sitting_show(p, id) as doc from a)
select case when doc is null then 404 else 200 end, coalesce(doc, '{}')::text from shown

-- name: tasks_done
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, tasks_done(p, b)::text from a

-- name: certificates_upload
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, certificates_try_upload(p, b)::text from a
