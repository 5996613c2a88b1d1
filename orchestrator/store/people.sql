-- The people's API: every statement takes the caller, the path's parameter, the query and the body, and gives
-- back a status and a document.  All of them begin with the same line, so that every parameter has its type.

-- name: principal
-- Who holds the token with this SHA-256, if it is valid now.
select jsonb_build_object('person', p.id, 'login', p.login, 'role', t.role, 'unit', t.unit_id)::text
from api_tokens t join people p on p.id = t.person_id
where t.secret_sha256 = $1 and t.revoked_at is null and t.expires_at > now()

-- name: admin_needed
select not exists (select from api_tokens)

-- name: admin_bootstrap
-- The first token of an installation that has none; later starts change nothing.
with person as (
  insert into people (login, name) select 'admin', 'admin' where not exists (select from api_tokens)
  on conflict (login) do update set name = people.name returning id)
insert into api_tokens (person_id, role, secret_sha256, expires_at)
select id, 'admin', $1, now() + interval '365 days' from person
returning id

-- name: organisation_apply
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, organisation_apply(p, b)::text from a

-- name: token_make
select token_make($1::jsonb, $2::jsonb)::text

-- name: token_list
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select t.id, m.login, m.name, t.role, u.name as unit, t.made_at, t.expires_at, t.revoked_at
  from api_tokens t join people m on m.id = t.person_id left join units u on u.id = t.unit_id, a
  where in_scope(t.unit_id, (p->>'unit')::bigint) and (q->>'cursor' is null or t.id > (q->>'cursor')::bigint)
  order by t.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: token_revoke
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
gone as (update api_tokens t set revoked_at = coalesce(revoked_at, now()) from a
  where t.id::text = a.id and in_scope(t.unit_id, (p->>'unit')::bigint) returning t.id),
said as (insert into audit (actor, action, object) select a.p->>'login', 'token.revoked', 'token:' || gone.id from gone, a)
select 200, jsonb_build_object('id', gone.id, 'revoked', true)::text from gone

-- name: readiness
select 1
