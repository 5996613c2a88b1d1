-- Tasks, 待办 (parameters as in people.sql).

-- name: task_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select k.id, k.kind, k.title, k.renewal_id as renewal, k.holder, k.service, k.role, k.assignee, k.deputy, k.owner, k.workstation,
    k.token_serial, k.token_label, k.due_at, k.overdue, k.escalations, k.state, k.instruction, k.needs, k.if_ignored, k.values ? 'asks' and card_is_held(k.renewal_id) as held, k.opened_at, k.closed_at,
    case when k.secret is not null and task_is_given_to((p->>'person')::bigint, k) then k.values || jsonb_build_object('qr_text', sealed_at(k.secret, 'tasks.secret', k.renewal_id || '/' || k.kind))
         else values_for(k.values, task_is_given_to((p->>'person')::bigint, k)) end as values,
    case when a.id is not null and k.kind in ('agreement', 'correction') then ( -- what is to be read before it is accepted
      select jsonb_build_object('title', g.title, 'version', g.version, 'sha256', g.sha256, 'text', g.text) from agreements g, renewals r
      where r.id = k.renewal_id and g.ca = r.ca and g.sha256 in (k.values->>'sha256', k.values->>'agreement_sha256')) end as agreement
  from task_items k, a
  where in_scope(coalesce(k.set_unit_id, k.workstation_unit_id), (p->>'unit')::bigint)
    and (a.id is null or k.id::text = a.id)
    and (q->>'kind' is null or k.kind = q->>'kind')
    and (a.id is not null or coalesce(q->>'state', 'open') = 'all' or k.state = coalesce(q->>'state', 'open'))
    and (q->>'overdue' is distinct from 'true' or k.overdue)
    and (q->>'mine' is distinct from 'true' or task_is_given_to((p->>'person')::bigint, k)
         or (k.assignee_id is null and k.role::text = p->>'role'))
    and (q->>'cursor' is null or k.id > (q->>'cursor')::bigint)
  order by k.id limit (select page_limit(q) + 1 from a))
select case when a.id is not null and not exists (select from rows) then 404 else 200 end,
  case when a.id is not null then coalesce((select to_jsonb(rows) from rows), '{}')
       else page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q)) end::text from a

-- name: task_done
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, task_done(p, id::bigint, b)::text from a

-- name: task_assign
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, task_assign(p, id::bigint, b)::text from a

-- name: handler_list
-- Who may act for whom, until when, who stands in, and how much waits for them.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select m.id, m.login, m.name, l.from_on as leave_from, l.until_on as leave_until, d.login as deputy,
    (select string_agg(e.name || coalesce(' until ' || h.authorised_until, ''), ', ' order by e.id)
     from handlers h join legal_entities e on e.id = h.legal_entity_id where h.person_id = m.id) as authorised_for,
    (select count(*) from tasks k where k.assignee_id = m.id and k.state = 'open') as open_tasks
  from people m
  left join lateral (select * from leaves where person_id = m.id and ended_at is null and until_on >= office_day() order by from_on limit 1) l on true
  left join people d on d.id = l.deputy_id, a
  where exists (select from handlers where person_id = m.id) and (q->>'cursor' is null or m.id > (q->>'cursor')::bigint)
  order by m.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: handler_leave
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, handler_leave(p, id, b)::text from a

-- name: handler_transfer
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, handler_transfer(p, id, b)::text from a

-- name: task_untended
-- Open tasks without a deadline, and those of which somebody else is to be told now; what the calendar needs of each.
select k.id, k.kind, (extract(epoch from k.opened_at) * 1000000)::bigint, (extract(epoch from k.due_at) * 1000000)::bigint,
  k.escalations, k.escalate_at <= now()
from tasks k where k.state = 'open' and (k.due_at is null or k.escalate_at is null or k.escalate_at <= now())
order by k.id limit 500

-- name: tasks_tend
select tasks_tend($1::jsonb)

-- name: advise
select advise($1, $2, $3, $4)
