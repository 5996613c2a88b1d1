-- SPDX-License-Identifier: Apache-2.0
-- Points at which xuqid-kill-points dies, for tests/rig/kill*.sh.  Run once in the database of a demo; nothing of the
-- product is changed.  The names come from the product's own tables:
--   FROM.EVENT.TO   every edge of the state table
--   EVENT           every declared note of the journal
--   TABLE.insert …  the first such change of each table
-- Each has a side before (the transaction that would commit it is refused, and its client dies) and a side after (its
-- client dies once it has committed).  A sequence for each remembers that it was taken: they do not roll back.

create schema rig;
create table rig.points (
  id     int generated always as identity primary key,
  name   text not null unique,
  kind   text not null, -- edge, note, record
  before boolean not null default false, -- armed
  after  boolean not null default false
);
create table rig.begun (journal_id bigint); -- the last line before any point was armed
insert into rig.points (name, kind)
  select distinct from_state || '.' || event || '.' || to_state, 'edge' from public.renewal_edges
  union select event, 'note' from public.journal_notes
  union select t.relname || '.' || op, 'record'
    from pg_class t, unnest(array['insert', 'update', 'delete']) op
    where t.relnamespace = 'public'::regnamespace and t.relkind = 'r' and t.relname <> 'journal'
  order by 2, 1;

do $$
declare p rig.points;
begin
  for p in select * from rig.points loop
    execute format('create sequence rig.before_%s', p.id);
    execute format('create sequence rig.after_%s', p.id);
  end loop;
end $$;

create function rig.is_taken(p_side text, p_id int) returns boolean language sql as $$
  select pg_sequence_last_value(format('rig.%s_%s', p_side, p_id)::regclass) is not null
$$;

-- True for the first who asks, whatever becomes of its transaction.
create function rig.take(p_side text, p_id int) returns boolean language sql as $$
  select nextval(format('rig.%s_%s', p_side, p_id)::regclass) = 1
$$;

-- A point was taken, but its client was dead already: once more.  Not where its transaction stands: whoever would have
-- heard of that has died of another point.
create function rig.arm_again(p_killed text) returns void language plpgsql as $$
declare s record;
begin
  for s in select side, id from rig.points, unnest(array['before', 'after']) side
      where rig.is_taken(side, id) and side || ' ' || name <> all (string_to_array(p_killed, E'\n'))
        and not (side = 'after' and exists (select from journal j where j.id > (select journal_id from rig.begun)
          and coalesce(j.from_state || '.' || j.event || '.' || j.to_state, j.event) = name)) loop
    execute format('alter sequence rig.%s_%s restart', s.side, s.id);
  end loop;
end $$;

create function rig.point_of(p_table text, p_op text, p_new jsonb) returns rig.points language sql as $$
  select p from rig.points p where p.name = case
    when p_table <> 'journal' then p_table || '.' || lower(p_op)
    when p_new->>'to_state' is null then p_new->>'event'
    else (p_new->>'from_state') || '.' || (p_new->>'event') || '.' || (p_new->>'to_state') end
$$;

-- At once: remember the armed points that this transaction would pass; a subtransaction that fails forgets them.
create function rig.pass() returns trigger language plpgsql as $$
declare p rig.points := rig.point_of(tg_table_name, tg_op, to_jsonb(new));
begin
  if p.before and not rig.is_taken('before', p.id) then
    perform set_config('rig.before', coalesce(current_setting('rig.before', true), '') || p.id || ' ', true);
  end if;
  return null;
end $$;

-- At the commit, when all that could fail has not: die before it, all its points together; or else after it.
create function rig.commit() returns trigger language plpgsql as $$
declare p rig.points; v_ids int[] := string_to_array(trim(current_setting('rig.before', true)), ' ')::int[]; v_names text;
begin
  if cardinality(v_ids) > 0 then
    perform set_config('rig.before', '', true);
    select string_agg('before ' || name || E'\n', '') into v_names from rig.points where id = any (v_ids) and rig.take('before', id);
    if v_names is not null then
      raise exception using errcode = 'XQ999', message = v_names;
    end if;
  end if;
  p := rig.point_of(tg_table_name, tg_op, to_jsonb(new));
  if p.after and not rig.is_taken('after', p.id) and rig.take('after', p.id) then
    raise notice using errcode = 'XQ999', message = 'after ' || p.name;
  end if;
  return null;
end $$;

do $$
declare t text; v_ops text;
begin
  for t in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
    v_ops := case t when 'journal' then 'insert' else 'insert or update or delete' end;
    execute format('create trigger rig_pass after %s on public.%I for each row execute function rig.pass()', v_ops, t);
    execute format('create constraint trigger rig_commit after %s on public.%I deferrable initially deferred
      for each row execute function rig.commit()', v_ops, t);
  end loop;
end $$;
