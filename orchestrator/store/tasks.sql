-- Tasks, 待办 (parameters as in people.sql).

-- name: task_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select k.id, k.kind, k.title, k.renewal_id as renewal, k.holder, k.service, k.role, k.assignee, k.workstation, k.token_serial,
    k.token_label, k.due_at, k.state, k.instruction, k.needs, k.if_ignored, k.opened_at, k.closed_at,
    case when k.secret is not null and k.assignee_id = (p->>'person')::bigint then k.values || jsonb_build_object('qr_text', k.secret)
         else k.values end as values
  from task_items k, a
  where in_scope(coalesce(k.set_unit_id, k.workstation_unit_id), (p->>'unit')::bigint)
    and (a.id is null or k.id::text = a.id)
    and (q->>'kind' is null or k.kind = q->>'kind')
    and (a.id is not null or coalesce(q->>'state', 'open') = 'all' or k.state = coalesce(q->>'state', 'open'))
    and (q->>'mine' is distinct from 'true' or k.assignee_id = (p->>'person')::bigint
         or (k.assignee_id is null and k.role::text = p->>'role'))
    and (q->>'cursor' is null or k.id > (q->>'cursor')::bigint)
  order by k.id limit (select page_limit(q) + 1 from a))
select case when a.id is not null and not exists (select from rows) then 404 else 200 end,
  case when a.id is not null then coalesce((select to_jsonb(rows) from rows), '{}')
       else page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q)) end::text from a

-- name: task_done
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, task_done(p, id::bigint, b)::text from a
