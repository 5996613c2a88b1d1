-- Personal data (个人信息): sealed where it stands, shown by role, erased in time.

-- xuqid seals values before they come here (common/seal.h): texts begin with xqs1:, bytes with XQS1, and either
-- names its key.  Rows from before are sealed at the next start, which then proves these constraints.
alter table people add constraint people_mobile_is_sealed check (mobile like 'xqs1:%') not valid,
  add constraint people_email_is_sealed check (email like 'xqs1:%') not valid,
  add constraint people_id_no_is_sealed check (id_no like 'xqs1:%') not valid;
alter table tasks add constraint tasks_secret_is_sealed check (secret like 'xqs1:%') not valid;
alter table task_files add constraint task_files_name_is_sealed check (name like 'xqs1:%') not valid,
  add constraint task_files_content_is_sealed check (substring(content for 4) = '\x58515331') not valid,
  alter column content set storage external; -- random bytes do not shrink, and the key's id is read without the rest

create table privacy_keys ( -- the keys that ever sealed here, by id: never the keys themselves
  key_id        text primary key,
  first_used_at timestamptz not null default now()
);

-- A sealed value as documents carry it: with the place that it must have been sealed for.
create function sealed_at(p_value text, p_column text, p_row text) returns text language sql immutable as $$
  select case when p_value like 'xqs1:%' then p_value || '@' || p_column || '/' || p_row end
$$;
-- The same, asking for its mask only.
create function masked_at(p_value text, p_column text, p_row text) returns text language sql immutable as $$
  select 'mask:' || sealed_at(p_value, p_column, p_row)
$$;

-- What a person answered to task P_TASK, sealed values with their places.
create function answer_at(p_answer jsonb, p_task bigint) returns jsonb language sql immutable as $$
  select case when p_answer::text not like '%"xqs1:%' then p_answer
    else (select jsonb_object_agg(key, case when value #>> '{}' like 'xqs1:%' then to_jsonb(sealed_at(value #>> '{}', 'tasks.answer', p_task || '/' || key))
      else value end) from jsonb_each(p_answer)) end
$$;
-- A task's values: references to sealed ones are masked but for whom the task is.
create function values_for(p_values jsonb, p_full boolean) returns jsonb language sql immutable as $$
  select case when coalesce(p_full, false) or p_values::text not like '%"xqs1:%' then p_values
    else regexp_replace(p_values::text, '"(xqs1:[A-Za-z0-9+/=]+@)', '"mask:\1', 'g')::jsonb end
$$;

-- The id of the key that sealed a value; '' if it stands there in clear.
create function sealed_key(p_value text) returns text language sql immutable strict as $$
  select case when p_value ~ '^xqs1:[A-Za-z0-9+/]{16}' then encode(substring(decode(substr(p_value, 6, 16), 'base64') from 5 for 8), 'hex') else '' end
$$;
create function sealed_key(p_value bytea) returns text language sql immutable strict as $$
  select case when substring(p_value for 4) = '\x58515331' then encode(substring(p_value from 5 for 8), 'hex') else '' end
$$;

-- Every sealed text with its place, and every file: what is sealed anew when the key changes.
create view sealed_texts as
select 'people.mobile' as col, id, 'people.mobile/' || login as place, mobile as value from people where mobile is not null
union all select 'people.email', id, 'people.email/' || login, email from people where email is not null
union all select 'people.id_no', id, 'people.id_no/' || login, id_no from people where id_no is not null
union all select 'tasks.secret', id, 'tasks.secret/' || renewal_id || '/' || kind, secret from tasks where secret is not null
union all select 'tasks.answer', k.id, 'tasks.answer/' || k.id || '/' || a.key, a.value
  from tasks k, jsonb_each_text(case when k.answer::text like '%"xqs1:%' then k.answer end) a where a.value like 'xqs1:%'
union all select 'tasks.values', k.id, m[2], m[1]
  from tasks k, regexp_matches(case when k.values::text like '%"xqs1:%' then k.values::text end, '"(xqs1:[A-Za-z0-9+/]{16,}=*)@([^"]+)"', 'g') m
union all select 'task_files.name', id, 'task_files.name/' || task_id || '/' || n, name from task_files where name is not null;
create view sealed_files as
select id, 'task_files.content/' || task_id || '/' || n as place, content, 'task_files.name/' || task_id || '/' || n as name_place, name
from task_files where content is not null;

-- Put back what was sealed anew, a row with all of its values at once, where nobody changed it meanwhile.  A value from
-- before has no mark yet: it gets one.
create function privacy_reseal(p_rows jsonb) returns int language plpgsql as $$
declare v_count int; v_some int;
begin
  update people p set mobile = coalesce(x.mobile->>'new', p.mobile), email = coalesce(x.email->>'new', p.email), id_no = coalesce(x.id_no->>'new', p.id_no),
    mobile_key = coalesce(x.mobile->>'lookup', p.mobile_key), id_no_key = coalesce(x.id_no->>'lookup', p.id_no_key),
    marks = jsonb_strip_nulls(jsonb_build_object('mobile', x.mobile->'mark', 'email', x.email->'mark', 'id_no', x.id_no->'mark')) || p.marks
  from (select (r->>'id')::bigint as id,
      (array_agg(r) filter (where r->>'col' = 'people.mobile'))[1] as mobile,
      (array_agg(r) filter (where r->>'col' = 'people.email'))[1] as email,
      (array_agg(r) filter (where r->>'col' = 'people.id_no'))[1] as id_no
    from jsonb_array_elements(p_rows) r where r->>'col' like 'people.%' group by 1) x
  where p.id = x.id and coalesce(x.mobile->>'old' = p.mobile, x.mobile is null) and coalesce(x.email->>'old' = p.email, x.email is null)
    and coalesce(x.id_no->>'old' = p.id_no, x.id_no is null);
  get diagnostics v_count = row_count;
  update tasks t set secret = x.new from jsonb_to_recordset(p_rows) x(col text, id bigint, old text, new text)
  where x.col = 'tasks.secret' and t.id = x.id and t.secret = x.old;
  get diagnostics v_some = row_count; v_count := v_count + v_some;
  update tasks t set values = replace(t.values::text, x.old, x.new)::jsonb, answer = replace(t.answer::text, x.old, x.new)::jsonb
  from jsonb_to_recordset(p_rows) x(col text, id bigint, old text, new text) -- one of a task's at a time; the next look finds the rest
  where x.col in ('tasks.answer', 'tasks.values') and t.id = x.id and strpos(concat(t.values, t.answer), x.old) > 0;
  get diagnostics v_some = row_count; v_count := v_count + v_some;
  update task_files f set content = decode(x.new, 'base64'), name = x.name_new, size = coalesce(f.size, x.size), mark = coalesce(nullif(f.mark, ''), x.mark)
  from jsonb_to_recordset(p_rows) x(col text, id bigint, was text, new text, name_old text, name_new text, size bigint, mark text)
  where x.col = 'task_files.content' and f.id = x.id and sealed_key(f.content) = x.was and f.name is not distinct from x.name_old;
  get diagnostics v_some = row_count;
  return v_count + v_some;
end $$;

-- Nothing stands in clear any more: say so to the database, which holds it from then on for old rows too.
create function privacy_prove() returns void language plpgsql as $$
declare c record;
begin
  for c in select conname, conrelid::regclass as tab from pg_constraint where conname like '%\_is\_sealed' and not convalidated loop
    execute format('alter table %s validate constraint %I', c.tab, c.conname);
  end loop;
end $$;

-- ---------------------------------------------------------------- who may see

-- A person with a token in the caller's scope, or the caller.
create function person_in_scope(p jsonb, p_id bigint) returns boolean language sql stable as $$
  select p_id = (p->>'person')::bigint or p->>'unit' is null
    or exists (select from api_tokens t where t.person_id = p_id and in_scope(t.unit_id, (p->>'unit')::bigint))
$$;

create function want_reason(d jsonb) returns text language plpgsql immutable as $$
begin
  if length(trim(coalesce(d->>'reason', ''))) < 3 then
    raise exception 'reason: say why, in three characters at least, for whoever reads the audit' using errcode = 'P0001';
  end if;
  return trim(d->>'reason');
end $$;

-- The values themselves, for an admin with a reason, which the audit keeps.
create function person_reveal(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare m people;
begin
  perform must_be(p, array['admin']);
  select * into m from people where id = p_id and person_in_scope(p, p_id);
  if not found then
    raise exception 'there is no person %', p_id using errcode = 'XQ404';
  end if;
  perform audit_add(p->>'login', 'personal.revealed', 'person:' || p_id, jsonb_build_object('login', m.login, 'reason', want_reason(d)));
  return jsonb_build_object('id', m.id, 'login', m.login, 'name', m.name, 'mobile', sealed_at(m.mobile, 'people.mobile', m.login),
    'email', sealed_at(m.email, 'people.email', m.login), 'id_type', m.id_type, 'id_no', sealed_at(m.id_no, 'people.id_no', m.login));
end $$;

-- A file goes to who gave it, to whom its task is assigned or who stands in, to the renewal's handler, and to an admin
-- with a reason.
create function file_is_for(p jsonb, f task_files) returns boolean language sql stable as $$
  select coalesce((p->>'person')::bigint in (k.assignee_id, k.closed_by, coalesce(r.handler_id, s.handler_id)), false)
    or task_is_given_to((p->>'person')::bigint, k)
  from task_items k left join renewals r on r.id = k.renewal_id left join certificate_sets s on s.id = r.set_id
  where k.id = f.task_id
$$;
create function file_in_scope(p jsonb, f task_files) returns boolean language sql stable as $$
  select in_scope(coalesce(k.set_unit_id, k.workstation_unit_id), (p->>'unit')::bigint) from task_items k where k.id = f.task_id
$$;

-- The file, sealed, with its place; the audit says who took it.  D has a reason where an admin asks for what is not theirs.
create function file_fetch(p jsonb, p_id bigint, d jsonb) returns task_files language plpgsql as $$
declare f task_files; v_mine boolean;
begin
  select * into f from task_files where id = p_id;
  if not found or not file_in_scope(p, f) then
    raise exception 'there is no file %', p_id using errcode = 'XQ404';
  end if;
  v_mine := coalesce(file_is_for(p, f), false);
  if not v_mine and not (d ? 'reason' and p->>'role' = 'admin') then
    raise exception 'file % is for its handler; an admin may see it with a reason (xuqi file reveal)', p_id using errcode = 'XQ403';
  elsif f.content is null then
    raise exception 'file % was erased on %', p_id, day_of(f.erased_at) using errcode = 'XQ404';
  end if;
  perform audit_add(p->>'login', case when v_mine then 'file.fetched' else 'personal.revealed' end, 'file:' || p_id,
    jsonb_build_object('task', f.task_id, 'mark', f.mark, 'reason', case when not v_mine then want_reason(d) end));
  return f;
end $$;

-- ---------------------------------------------------------------- erasing

-- Days after the end of a renewal that its personal data stays, by its campaign's policy.
create function privacy_keep(p_policy jsonb) returns interval language sql immutable as $$
  select make_interval(days => coalesce((p_policy->>'privacy_keep_days')::int, 180))
$$;

create view renewals_of_people as
select r.id, coalesce(r.handler_id, s.handler_id) as person_id, v.final, r.changed_at + privacy_keep(c.policy) as keep_until
from renewals r join certificate_sets s on s.id = r.set_id join renewal_states v on v.state = r.state join campaigns c on c.id = r.campaign_id;

-- When each file may go; infinity while its renewal is open.
create view files_to_erase as
select f.id, k.renewal_id, case when r.id is null then k.closed_at + privacy_keep('{}')
  when v.final then r.changed_at + privacy_keep(c.policy) else 'infinity' end as due_at
from task_files f join tasks k on k.id = f.task_id left join renewals r on r.id = k.renewal_id
left join renewal_states v on v.state = r.state left join campaigns c on c.id = r.campaign_id
where f.content is not null;

-- When the sealed values that stand in a task may go.
create view tasks_to_erase as
select k.id, case when r.id is null then k.closed_at + privacy_keep('{}')
  when v.final then r.changed_at + privacy_keep(c.policy) else 'infinity' end as due_at
from tasks k left join renewals r on r.id = k.renewal_id
left join renewal_states v on v.state = r.state left join campaigns c on c.id = r.campaign_id
where k.state <> 'open' and concat(k.values, k.answer) like '%"xqs1:%';

-- When each person's values may go; infinity for who is active: can log in, is somebody's handler, has an open renewal.
create view people_to_erase as
select m.id, m.login, case
  when exists (select from certificate_sets s where s.handler_id = m.id)
    or exists (select from handlers h where h.person_id = m.id and coalesce(h.authorised_until, 'infinity') >= office_day())
    or exists (select from renewals_of_people r where r.person_id = m.id and not r.final) then 'infinity'
  else coalesce(greatest((select max(keep_until) from renewals_of_people r where r.person_id = m.id),
    (select max(least(t.revoked_at, t.expires_at)) + privacy_keep('{}') from api_tokens t where t.person_id = m.id)), 'infinity') end as due_at
from people m where coalesce(m.mobile, m.email, m.id_no) is not null;

-- Erase; what was there stays as marks, here and in the audit, so that whoever still has it can prove it was this.
create function personal_erase(p_by text, p_why text, p_files bigint[], p_tasks bigint[], p_people bigint[]) returns jsonb language plpgsql as $$
declare v_files int; v_tasks int; v_people int;
begin
  update tasks set values = regexp_replace(values::text, '"xqs1:[^"]*"', '"***"', 'g')::jsonb,
    answer = regexp_replace(answer::text, '"xqs1:[^"]*"', '"***"', 'g')::jsonb where id = any (p_tasks);
  get diagnostics v_tasks = row_count;
  with gone as (
    update task_files set content = null, name = null, erased_at = clock_timestamp()
    where id = any (p_files) and content is not null returning task_id, mark),
  told as (
    insert into journal (renewal_id, event, by, text)
    select k.renewal_id, 'erased', p_by, format('%s attachments: %s', count(*), p_why)
    from gone join tasks k on k.id = gone.task_id where k.renewal_id is not null group by k.renewal_id),
  noted as (
    insert into audit (actor, action, object, detail)
    select p_by, 'personal.erased', 'task:' || task_id, jsonb_build_object('why', p_why, 'files', jsonb_agg(mark)) from gone group by task_id)
  select count(*) into v_files from gone;
  with gone as (
    update people set mobile = null, email = null, id_type = null, id_no = null, mobile_key = null, id_no_key = null, erased_at = clock_timestamp()
    where id = any (p_people) and coalesce(mobile, email, id_no) is not null returning id, login, marks),
  noted as (
    insert into audit (actor, action, object, detail)
    select p_by, 'personal.erased', 'person:' || id, jsonb_build_object('why', p_why, 'login', login, 'marks', marks) from gone)
  select count(*) into v_people from gone;
  return jsonb_build_object('files', v_files, 'tasks', v_tasks, 'people', v_people);
end $$;

-- What is due by the policies, at most so many at a time.
create function privacy_erase_due(p_limit int) returns jsonb language sql as $$
  select personal_erase('xuqid', 'the days of the policy are over',
    array(select id from files_to_erase where due_at <= now() order by id limit p_limit),
    array(select id from tasks_to_erase where due_at <= now() order by id limit p_limit),
    array(select id from people_to_erase where due_at <= now() order by id limit p_limit))
$$;

-- Everything of one person, and the person out of every use.
create function person_forget(p_by text, p_why text, m people, p_files bigint[], p_tasks bigint[]) returns void language plpgsql as $$
begin
  perform personal_erase(p_by, p_why, p_files, p_tasks, array[m.id]);
  update people set name = login, erased_at = clock_timestamp() where id = m.id;
  update api_tokens set revoked_at = clock_timestamp() where person_id = m.id and revoked_at is null;
  update certificate_sets set handler_id = null where handler_id = m.id;
  update handlers set authorised_until = office_day() - 1 where person_id = m.id and coalesce(authorised_until, 'infinity') >= office_day();
  perform audit_add(p_by, 'personal.erase_asked', 'person:' || m.id, jsonb_build_object('login', m.login));
end $$;

-- What was erased here and is gone: a backup made before it has it still.  A restore over this database takes the list
-- along (restore_erase).  No value is in it, only where one stood.
create function privacy_erasures() returns jsonb language sql stable as $$
  with asked as (select substr(object, 8)::bigint as id from audit where action = 'personal.erase_asked'),
  gone as (select id, login, id in (select id from asked) as asked from people
    where erased_at is not null and coalesce(mobile, email, id_no) is null)
  select jsonb_build_object('installation', (select id from installation),
    'asked', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'login', login)), '[]') from gone where asked),
    'people', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'login', login)), '[]') from gone where not asked),
    'files', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'mark', mark)), '[]') from task_files where erased_at is not null),
    'tasks', (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'kind', kind)), '[]') from tasks
      where state <> 'open' and concat(values, answer) like '%"***"%'))
$$;

-- The request of a person (PIPL, article 47): now, unless an open renewal still needs them.
create function person_erase(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare m people; v_open text; v_files bigint[]; v_tasks_of bigint[]; v_tokens int; v_sets int; v_commit boolean := commits(d);
begin
  perform must_be(p, array['admin']);
  select * into m from people where login = d->>'login' and person_in_scope(p, id) for update;
  if not found then
    raise exception 'there is no person %', d->>'login' using errcode = 'XQ404';
  end if;
  select string_agg(id::text, ', ' order by id) into v_open from renewals_of_people where person_id = m.id and not final;
  if v_open is not null then
    raise exception '% is the handler of renewals that are not through: %; let them end, or hand them to somebody else, first', m.login, v_open
      using errcode = 'XQ409';
  end if;
  v_files := array(select f.id from task_files f join tasks k on k.id = f.task_id left join renewals_of_people r on r.id = k.renewal_id
    where f.content is not null and m.id in (k.assignee_id, k.closed_by) and coalesce(r.final, true));
  v_tasks_of := array(select k.id from tasks k left join renewals_of_people r on r.id = k.renewal_id
    where m.id in (k.assignee_id, k.closed_by) and coalesce(r.final, true));
  select count(*) into v_tokens from api_tokens where person_id = m.id and revoked_at is null and expires_at > now();
  select count(*) into v_sets from certificate_sets where handler_id = m.id;
  if v_commit then
    perform person_forget(p->>'login', 'at the request of the person', m, v_files, v_tasks_of);
  end if;
  return jsonb_build_object('committed', v_commit, 'login', m.login, 'values', (m.mobile is not null)::int + (m.email is not null)::int + (m.id_no is not null)::int,
    'files', cardinality(v_files), 'tokens_revoked', v_tokens, 'certificates_without_handler', v_sets);
end $$;
