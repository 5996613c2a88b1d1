-- Personal data (parameters of the people's statements as in people.sql).

-- name: privacy_keys_look
-- The ids of the keys that this database was ever sealed with, and of those that something is sealed with now.
select coalesce((select jsonb_agg(key_id order by first_used_at) from privacy_keys), '[]')::text,
  coalesce((select jsonb_agg(distinct k) from (
    select sealed_key(value) as k from sealed_texts union select sealed_key(content) from sealed_files) x where k <> ''), '[]')::text

-- name: privacy_key_first
-- Take this key for a database that has none yet; no row if somebody was faster.
insert into privacy_keys (key_id) select $1 where not exists (select from privacy_keys)
on conflict do nothing returning 1

-- name: privacy_key_use
insert into privacy_keys (key_id) values ($1) on conflict do nothing

-- name: privacy_stale_texts
-- Texts that are not sealed with key $1 (where $2, only those in clear), all of a row together.
with stale as (
  select *, split_part(col, '.', 1) as tab from sealed_texts
  where col <> 'task_files.name' and sealed_key(value) <> $1 and (not $2::boolean or sealed_key(value) = '')),
part as (select distinct tab, id from stale order by tab, id limit 200)
select coalesce(jsonb_agg(jsonb_build_object('col', col, 'id', id, 'place', place, 'old', value)), '[]')::text
from stale join part using (tab, id)

-- name: privacy_stale_files
-- The same for files with their names, as many as make 8 MiB, one at least.
select coalesce(jsonb_agg(jsonb_build_object('col', 'task_files.content', 'id', id, 'place', place, 'was', sealed_key(content),
  'old', translate(encode(content, 'base64'), E'\n', ''), 'name_place', name_place, 'name_old', name)), '[]')::text
from (select *, sum(length(content)) over (order by id) - length(content) as before from sealed_files
  where (sealed_key(content) <> $1 or sealed_key(name) <> $1)
    and (not $2::boolean or sealed_key(content) = '' or sealed_key(name) = '') order by id limit 200) x
where before < 8 * 1024 * 1024

-- name: privacy_reseal
select privacy_reseal($1::jsonb)

-- name: privacy_prove
select privacy_prove()

-- name: privacy_erase_due
select privacy_erase_due(1000)::text

-- name: person_list
-- Values are masked but for the person; auditors see marks.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select m.id, m.login, m.name, (select string_agg(distinct t.role::text, ' ') from api_tokens t
      where t.person_id = m.id and t.revoked_at is null and t.expires_at > now()) as roles,
    case when m.id = (p->>'person')::bigint then sealed_at(m.mobile, 'people.mobile', m.login)
         when p->>'role' <> 'auditor' then masked_at(m.mobile, 'people.mobile', m.login) end as mobile,
    case when m.id = (p->>'person')::bigint then sealed_at(m.email, 'people.email', m.login)
         when p->>'role' <> 'auditor' then masked_at(m.email, 'people.email', m.login) end as email,
    m.id_type,
    case when m.id = (p->>'person')::bigint then sealed_at(m.id_no, 'people.id_no', m.login)
         when p->>'role' <> 'auditor' then masked_at(m.id_no, 'people.id_no', m.login) end as id_no,
    case when p->>'role' = 'auditor' then m.marks end as marks, m.erased_at
  from people m, a
  where person_in_scope(p, m.id) and (q->>'cursor' is null or m.id > (q->>'cursor')::bigint)
    and (b->>'mobile_key' is null or m.mobile_key = b->>'mobile_key')
    and (b->>'id_no_key' is null or m.id_no_key = b->>'id_no_key')
    and (q->>'login' is null or m.login = q->>'login')
  order by m.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: person_reveal
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, person_reveal(p, id::bigint, b)::text from a

-- name: file_list
-- The files of a task, never their bytes.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
rows as (
  select f.id, f.task_id as task, f.n, case when file_is_for(p, f) then sealed_at(f.name, 'task_files.name', f.task_id || '/' || f.n)
      when p->>'role' <> 'auditor' then masked_at(f.name, 'task_files.name', f.task_id || '/' || f.n) end as name,
    f.media_type, f.size, f.mark, f.erased_at
  from task_files f, a where f.task_id::text = a.id and file_in_scope(p, f)
    and (q->>'cursor' is null or f.id > (q->>'cursor')::bigint)
  order by f.id limit (select page_limit(q) + 1 from a))
select 200, page(coalesce((select jsonb_agg(to_jsonb(rows) order by id) from rows), '[]'), page_limit(q))::text from a

-- name: file_fetch
-- The sealed file, its name's reference and its place; audited.
select f.id, sealed_at(f.name, 'task_files.name', f.task_id || '/' || f.n), f.media_type,
  'task_files.content/' || f.task_id || '/' || f.n, translate(encode(f.content, 'base64'), E'\n', '')
from file_fetch($1::jsonb, $2::bigint, $3::jsonb) f

-- name: privacy_status
-- Which key seals how much (the body names those of the file), what was erased and what is next.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
used as (
  select k as key_id, count(*) as n from (
    select sealed_key(value) as k from sealed_texts union all select sealed_key(content) from sealed_files) x group by k),
keys as (
  select key_id from used where key_id <> '' union select jsonb_array_elements_text(b->'keys') from a)
select 200, jsonb_build_object('key_file', b->>'key_file',
  'items', (select coalesce(jsonb_agg(jsonb_build_object('key', key_id, 'in_file', b->'keys' ? key_id, 'seals', b->'keys'->>0 = key_id,
      'values', coalesce((select n from used u where u.key_id = k.key_id), 0)) order by b->'keys'->>0 = key_id desc, key_id), '[]') from keys k),
  'clear', coalesce((select n from used where key_id = ''), 0),
  'erased', jsonb_build_object('people', (select count(*) from people where erased_at is not null),
    'files', (select count(*) from task_files where erased_at is not null)),
  'due', jsonb_build_object('people', (select count(*) from people_to_erase where due_at <= now()),
    'files', (select count(*) from files_to_erase where due_at <= now()),
    'next_at', (select min(due_at) from (select due_at from people_to_erase union all select due_at from files_to_erase) x
      where due_at > now() and due_at < 'infinity')),
  'next_cursor', null)::text from a

-- name: person_erase
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b)
select 200, person_erase(p, b)::text from a
