-- What people see and import of the fleet (parameters as in people.sql).

-- name: certificate_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select c.id, c.holder, c.service, c.uscc, c.unit, c.media_no, c.serial, c.not_after, c."group", c.key_type, c.roles,
    c.token_serial, c.token_label, c.workstation, c.custodian, c.place, c.handler,
    (select string_agg(coalesce(b.account, '?'), ', ' order by b.ca) from bindings b where b.set_id = c.id) as bound_account, c.renewal, c.renewal_state, c.source
  from certificate_items c, a
  where in_scope(c.unit_id, (p->>'unit')::bigint)
    and (q->>'unit' is null or c.unit = q->>'unit')
    and (q->>'holder' is null or c.holder = q->>'holder')
    and (q->>'serial' is null or c.serial = upper(q->>'serial'))
    and (q->>'group' is null or c."group" = q->>'group')
    and (q->>'expires_within_days' is null
         or c.not_after <= now() + make_interval(days => (q->>'expires_within_days')::int))
    and (q->>'cursor' is null
         or (c.not_after, c.id) > (select not_after, id from certificate_sets where id = (q->>'cursor')::bigint))
  order by c.not_after, c.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by not_after, id) from rows), '[]'), page_limit(q))::text from a

-- name: certificate_import
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
done as (select certificates_import_checked(p, b) report from a)
select case when report->'errors' = '[]' then 200 else 422 end, report::text from done

-- name: plan_candidates
-- What a policy decides about: every certificate set in the caller's scope that expires within the horizon ($2 days
-- ahead) and expired no longer ago than $3 days.
select s.id, c.serial, c.key_type, s.holder, s.service, coalesce(u.name, '') as unit, s.uscc, s.media_no,
  (extract(epoch from s.not_after) * 1000000)::bigint as not_after_us, w.client_version, t.serial as token_serial,
  coalesce(t.free_bytes, -1) as free_bytes,
  exists (select from agents g where g.workstation_id = w.id and g.revoked_at is null) as agent_known,
  exists (select from renewals r join renewal_states e on e.state = r.state where r.set_id = s.id and not e.final) as open_renewal,
  coalesce(h.login, '') as handler,
  (select (extract(epoch from max(coalesce(x.authorised_until, 'infinity'::date) + 1)::timestamp at time zone 'Asia/Shanghai') * 1000000)::text
   from handlers x where x.person_id = s.handler_id and x.legal_entity_id = s.legal_entity_id) as authorised_until_us
from certificate_sets s
left join units u on u.id = s.unit_id
left join tokens t on t.id = s.token_id
left join workstations w on w.id = t.workstation_id
left join people h on h.id = s.handler_id
left join lateral (
  select (array_agg(serial order by role = 'encrypt', not_after))[1] as serial,
    (array_agg(key_type order by role = 'encrypt'))[1] as key_type
  from certificates where set_id = s.id and replaced_by is null) c on true
where in_scope(s.unit_id, ($1::jsonb->>'unit')::bigint)
  and s.not_after between now() - make_interval(days => $3::int) and now() + make_interval(days => $2::int)
order by s.not_after, s.id
