-- Digests: what waits for a person, told once per slot over each channel.  A digest's text is made when it is sent, from
-- what is open then: a task that was closed meanwhile is not told of, and nothing is lost when a sending whose
-- outcome nobody knows is not repeated, for the next digest tells of everything that is still open.

create table digests ( -- the intent: durable before anything is sent
  id       bigint generated always as identity primary key,
  owner_id bigint not null references people,
  slot     timestamptz not null,
  made_at  timestamptz not null default clock_timestamp(),
  constraint digests_one_per_owner_and_slot unique (owner_id, slot)
);

create table deliveries ( -- one digest on its way over one channel
  id            bigint generated always as identity primary key,
  digest_id     bigint not null references digests,
  channel       text not null constraint deliveries_channel check (channel in ('email', 'webhook')),
  state         text not null default 'due'
                constraint deliveries_state check (state in ('due', 'sending', 'sent', 'unsure', 'void', 'failed')),
  attempts      int not null default 0,
  due_at        timestamptz not null default clock_timestamp(),
  claimed_until timestamptz,
  settled_at    timestamptz,
  last_error    text,
  constraint deliveries_one_per_channel unique (digest_id, channel)
);
create index deliveries_due on deliveries (due_at, id) where state in ('due', 'sending');

create table digest_tasks ( -- what a digest told of as open
  digest_id bigint not null references digests,
  task_id   bigint not null references tasks,
  primary key (digest_id, task_id)
);

create index tasks_by_assignee on tasks (assignee_id) where state = 'open';

-- Who is to know of which open task: the assignee or who stands in today, else everybody with the task's role; and
-- whoever was told that it is late.  Of one OWNER, or (null) of all.
create function task_readers(p_owner bigint) returns table (owner_id bigint, task_id bigint, late boolean) language sql stable as $$
  with acting as materialized (
    select a.person, coalesce(deputy_of(a.person), a.person) as owner
    from (select distinct assignee_id as person from tasks where state = 'open' and assignee_id is not null) a
    where p_owner is null or coalesce(deputy_of(a.person), a.person) = p_owner),
  shared as materialized (
    select k.id, k.role, coalesce(s.unit_id, w.unit_id) as unit
    from tasks k left join renewals r on r.id = k.renewal_id left join certificate_sets s on s.id = r.set_id
    left join workstations w on w.id = k.workstation_id where k.state = 'open' and k.assignee_id is null),
  teams as materialized (
    select g.role, g.unit, o.person from (select distinct role, unit from shared) g, people_of_role(g.role, g.unit) as o(person)
    where p_owner is null or o.person = p_owner)
  select a.owner, k.id, false from tasks k join acting a on a.person = k.assignee_id where k.state = 'open'
  union
  select t.person, s.id, false from shared s join teams t on t.role = s.role and t.unit is not distinct from s.unit
  union
  select e.person_id, e.task_id, true from task_escalations e join tasks k on k.id = e.task_id
  where k.state = 'open' and (p_owner is null or e.person_id = p_owner)
$$;

-- The digest that PERSON may have read last, before the digest BEFORE (null: of all).
create function last_digest(p_person bigint, p_before bigint) returns bigint language sql stable as $$
  select max(d.id) from digests d where d.owner_id = p_person and d.id < coalesce(p_before, d.id + 1)
    and exists (select from deliveries n where n.digest_id = d.id and n.state in ('sent', 'unsure'))
$$;

-- Make the digests of SLOT for whoever has news since the last one: a task not told of yet, one that became overdue or
-- was put before them as late, or one told of that is closed.  REMIND: for whoever has anything open.  Safe to
-- repeat.  CHANNELS are those that are set up; who has none of them gets no digest.
create function digests_make(p_slot timestamptz, p_remind boolean, p_channels text[]) returns bigint language plpgsql as $$
declare v_count bigint;
begin
  with pairs as materialized (select owner_id, task_id, bool_or(late) as late from task_readers(null) group by 1, 2),
  lasts as materialized (
    select p.id as owner_id, p.email is not null as has_email, last_digest(p.id, null) as digest_id from people p
    where exists (select from pairs x where x.owner_id = p.id) or exists (select from digests d where d.owner_id = p.id)),
  news as materialized (
    select l.owner_id, l.has_email from lasts l left join digests d on d.id = l.digest_id
    where ('webhook' = any (p_channels) or ('email' = any (p_channels) and l.has_email)) and (
      exists (select from pairs x join tasks k on k.id = x.task_id where x.owner_id = l.owner_id and (p_remind
        or not exists (select from digest_tasks t where t.digest_id = l.digest_id and t.task_id = x.task_id)
        or (k.due_at > d.made_at and k.due_at <= now())
        or (x.late and exists (select from task_escalations e where e.task_id = x.task_id and e.person_id = l.owner_id and e.at > d.made_at))))
      or exists (select from digest_tasks t join tasks k on k.id = t.task_id where t.digest_id = l.digest_id and k.state <> 'open'))),
  made as (
    insert into digests (owner_id, slot) select owner_id, p_slot from news on conflict do nothing returning id, owner_id)
  insert into deliveries (digest_id, channel)
    select m.id, c.channel from made m join news w on w.owner_id = m.owner_id, unnest(p_channels) as c(channel)
    where c.channel <> 'email' or w.has_email;
  get diagnostics v_count = row_count;
  -- what an older digest of the same owner still wants to say is in the newer one
  update deliveries n set state = 'void', settled_at = clock_timestamp(), last_error = 'a newer digest says it'
  from digests d where d.id = n.digest_id and n.state = 'due'
    and exists (select from digests x where x.owner_id = d.owner_id and x.slot > d.slot);
  return v_count;
end $$;

-- What one digest says now: {open, overdue, tasks, closed, closed_tasks}, with at most 30 of each, late ones first.
create function digest_says(p_digest bigint) returns jsonb language sql stable as $$
  with d as (select * from digests where id = p_digest),
  mine as materialized (
    select k.id, k.title, k.holder, k.due_at, coalesce(k.overdue, false) as overdue, x.late, k.owner, k.if_ignored
    from (select task_id, bool_or(late) as late from task_readers((select owner_id from d)) group by 1) x
    join task_items k on k.id = x.task_id),
  gone as materialized (
    select k.id, k.title, k.holder from digest_tasks t join task_items k on k.id = t.task_id
    where t.digest_id = last_digest((select owner_id from d), p_digest) and k.state <> 'open')
  select jsonb_build_object(
    'open', (select count(*) from mine), 'overdue', (select count(*) from mine where overdue), 'closed', (select count(*) from gone),
    'tasks', (select coalesce(jsonb_agg(to_jsonb(m) order by m.overdue desc, m.due_at, m.id), '[]')
      from (select * from mine order by overdue desc, due_at, id limit 30) m),
    'closed_tasks', (select coalesce(jsonb_agg(to_jsonb(g) order by g.id), '[]') from (select * from gone order by id limit 30) g))
$$;

-- Take the next notice that is due, remember what it tells of, and give its document; null when there is none.  A notice
-- with nothing left to say is void, and none is sent while everything is held (after a restore).  One that somebody took and never settled is unsure: sent or not, it is not
-- sent again.
create function notice_claim(p_seconds int) returns jsonb language plpgsql as $$
declare n deliveries; v_says jsonb; d digests; o people;
begin
  update deliveries set state = 'unsure', settled_at = clock_timestamp(), last_error = 'xuqid ended while it was being sent'
    where state = 'sending' and claimed_until < now();
  if is_held(null, null) then
    return null;
  end if;
  loop
    select * into n from deliveries where state = 'due' and due_at <= now() order by channel, due_at, id limit 1 for update skip locked;
    if not found then
      return null;
    end if;
    v_says := digest_says(n.digest_id);
    exit when v_says->>'open' <> '0' or v_says->>'closed' <> '0';
    update deliveries set state = 'void', settled_at = clock_timestamp(), last_error = 'nothing was left to say' where id = n.id;
  end loop;
  select * into d from digests where id = n.digest_id;
  select * into o from people where id = d.owner_id;
  delete from digest_tasks where digest_id = d.id;
  insert into digest_tasks (digest_id, task_id) select d.id, task_id from task_readers(d.owner_id) group by 1, 2
    on conflict do nothing;
  update deliveries set state = 'sending', attempts = attempts + 1, claimed_until = clock_timestamp() + make_interval(secs => p_seconds)
    where id = n.id;
  return v_says || jsonb_build_object('notice', n.id, 'digest', d.id, 'slot', d.slot, 'channel', n.channel, 'attempts', n.attempts + 1,
    'login', o.login, 'name', o.name, 'email', coalesce(sealed_at(o.email, 'people.email', o.login), o.email), 'install_id', (select id from installation));
end $$;

-- The doctor knows of owners whose last notice over a channel failed, until one arrives.
create function notices_advise() returns void language sql as $$
  select advise('notices', 'warn', case when count(*) > 0 then
      format('%s digest(s) could not be sent, the last one to %s: %s', count(*), (array_agg(x.login order by x.id desc))[1], (array_agg(x.last_error order by x.id desc))[1]) end,
    'Check notify.* in the settings and the address; xuqi notice list --state failed')
  from (select distinct on (d.owner_id, n.channel) n.id, n.state, n.last_error, m.login
        from deliveries n join digests d on d.id = n.digest_id join people m on m.id = d.owner_id
        where n.state in ('sent', 'failed', 'unsure') order by d.owner_id, n.channel, n.id desc) x
  where x.state = 'failed'
$$;

-- What became of a notice: sent, unsure, failed, or due again in SECONDS.  Only who holds it settles it.
create function notice_settle(p_notice bigint, p_attempt int, p_state text, p_seconds double precision, p_error text) returns boolean
language plpgsql as $$
begin
  update deliveries set state = p_state, last_error = p_error, claimed_until = null,
    due_at = case when p_state = 'due' then clock_timestamp() + make_interval(secs => p_seconds) else due_at end,
    settled_at = case when p_state <> 'due' then clock_timestamp() end
  where id = p_notice and attempts = p_attempt and state = 'sending';
  if found then
    perform notices_advise();
    return true;
  end if;
  return false;
end $$;
