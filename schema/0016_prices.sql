-- 价目: what a CA that quotes no price asks, as two people wrote it down.  A version never changes; the newest one
-- whose day has come is what plans are made with, in the words in which a CA would have told it (ca_facts).

create table price_lists (
  id                bigint generated always as identity primary key,
  ca                text not null,
  version           int, -- given when it is approved
  terms             jsonb not null, -- [{years, price_fen}]
  source            text not null, -- where the prices were read: a page, a letter, a contract, with its date
  agreement_version text not null, -- 电子认证协议
  agreement_sha256  text not null constraint price_lists_agreement_hash check (agreement_sha256 ~ '^[0-9a-f]{64}$'),
  statement         text not null, -- 意愿表达: the sentence that the handler states
  valid_from        timestamptz not null,
  proposed_by       bigint not null references people,
  proposed_at       timestamptz not null default now(),
  approved_by       bigint references people,
  approved_at       timestamptz,
  constraint price_lists_two_people check (approved_by is null or approved_by <> proposed_by),
  constraint price_lists_approved_whole check ((approved_by is null) = (approved_at is null) and (approved_by is null) = (version is null)),
  constraint price_lists_version_once unique (ca, version)
);

-- Once approved, a version stands for ever: approvals of plans name it.
create function price_lists_stand() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or old.approved_at is not null then
    raise exception 'price list % is approved: propose another one', old.id using errcode = 'XQ403';
  end if;
  return new;
end $$;
create trigger price_lists_append_only before update or delete on price_lists
  for each row execute function price_lists_stand();

-- The version of CA that holds at an instant; null if there is none yet.
create function price_list_at(p_ca text, p_at timestamptz) returns price_lists language sql stable as $$
  select l from price_lists l where l.ca = p_ca and l.approved_at is not null and l.valid_from <= p_at
  order by l.valid_from desc, l.version desc limit 1
$$;

create function price_list_meta(l price_lists) returns jsonb language sql immutable as $$
  select jsonb_build_object('price_version', l.version, 'price_source', l.source, 'terms', l.terms,
    'agreement', jsonb_build_object('id', l.agreement_version, 'version', l.agreement_version, 'sha256', l.agreement_sha256),
    'statement', jsonb_build_object('id', 'v' || l.version, 'text', l.statement,
      'sha256', encode(sha256(convert_to(l.statement, 'UTF8')), 'hex')))
$$;

-- Let the versions whose day has come be what is known of their CA, and look at once at the renewals that wait there.
-- Called wherever a plan is made and before renewals start; does nothing most of the time.
create function prices_apply() returns int language plpgsql as $$
declare c record; v_count int := 0;
begin
  for c in select x.ca, price_list_meta(price_list_at(x.ca, now())) as meta
      from (select distinct ca from price_lists where approved_at is not null and valid_from <= now()) x loop
    if not exists (select from ca_facts f where f.ca = c.ca and f.meta = c.meta) then
      insert into ca_facts (ca, meta) values (c.ca, c.meta)
      on conflict (ca) do update set meta = excluded.meta, fetched_at = now(), alert = null;
      perform renewals_wake(array(select r.id from renewals r join renewal_states s on s.state = r.state
        where r.ca = c.ca and not s.final));
      v_count := v_count + 1;
    end if;
  end loop;
  return v_count;
end $$;

-- What is known of a CA now, after the versions whose day has come.
create function ca_facts_now(p_ca text) returns table (meta text, alert text) language plpgsql as $$
begin
  perform prices_apply();
  return query select f.meta::text, f.alert from ca_facts f where f.ca = p_ca;
end $$;

-- 200 or 200.00 yuan as fen; null for anything else.
create function fen_of_yuan(p_text text) returns bigint language sql immutable as $$
  select case when p_text ~ '^[0-9]{1,8}(\.[0-9]{2})?$' then (p_text::numeric * 100)::bigint end
$$;

create function price_terms(d jsonb) returns jsonb language plpgsql as $$
declare v_bad text; v_terms jsonb;
begin
  select string_agg(key || '=' || value, ', ') into v_bad from jsonb_each_text(coalesce(d->'terms', '{}'))
    where key !~ '^([1-9]|10)$' or coalesce(fen_of_yuan(value), 0) = 0;
  if v_bad is not null then
    raise exception 'terms: % is no term: write YEARS=YUAN, such as 1=200.00', v_bad using errcode = 'P0001';
  end if;
  select jsonb_agg(jsonb_build_object('years', key::int, 'price_fen', fen_of_yuan(value)) order by key::int) into v_terms
    from jsonb_each_text(coalesce(d->'terms', '{}'));
  if v_terms is null then
    raise exception 'a price list wants its terms: add --term YEARS=YUAN, such as --term 1=200.00' using errcode = 'P0001';
  end if;
  return v_terms;
end $$;

create function price_want(d jsonb, p_member text, p_option text) returns text language plpgsql as $$
begin
  if coalesce(d->>p_member, '') = '' then
    raise exception 'a price list wants its %: add %', p_member, p_option using errcode = 'P0001';
  end if;
  return d->>p_member;
end $$;

create function price_shown(l price_lists) returns jsonb language sql stable as $$
  select jsonb_build_object('id', l.id, 'ca', l.ca, 'version', l.version, 'terms', l.terms, 'source', l.source,
    'agreement_version', l.agreement_version, 'agreement_sha256', l.agreement_sha256, 'statement', l.statement,
    'valid_from', l.valid_from, 'proposed_by', (select login from people where id = l.proposed_by), 'proposed_at', l.proposed_at,
    'approved_by', (select login from people where id = l.approved_by), 'approved_at', l.approved_at,
    'state', case when l.approved_at is null then 'proposed' when l.valid_from > now() then 'approved'
      when (price_list_at(l.ca, now())).id = l.id then 'valid' else 'superseded' end)
$$;

create function price_propose(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare l price_lists; v_version text := price_want(d, 'agreement_version', '--agreement VERSION');
begin
  perform must_be_in_scope(p, null, 'a price list');
  if coalesce(d->>'valid_from', '') <> '' and not is_instant(d->>'valid_from') then
    raise exception 'valid_from: % is no instant: write 2027-01-01T00:00:00+08:00', d->>'valid_from' using errcode = 'P0001';
  elsif coalesce(d->>'agreement_sha256', '') not in ('') and d->>'agreement_sha256' !~ '^[0-9a-f]{64}$' then
    raise exception 'agreement_sha256 is no SHA-256 in lower-case hex' using errcode = 'P0001';
  elsif coalesce(d->>'ca', '') not in ('', 'manual') and not exists (select from cas where ca = d->>'ca') then
    raise exception 'there is no CA %: xuqi ca list shows those there are', d->>'ca' using errcode = 'P0001';
  end if;
  insert into price_lists (ca, terms, source, agreement_version, agreement_sha256, statement, valid_from, proposed_by)
  values (coalesce(nullif(d->>'ca', ''), 'manual'), price_terms(d), price_want(d, 'source', '--source TEXT'), v_version,
    coalesce(nullif(d->>'agreement_sha256', ''), encode(sha256(convert_to(v_version, 'UTF8')), 'hex')),
    price_want(d, 'statement', '--statement TEXT'), coalesce(nullif(d->>'valid_from', '')::timestamptz, now()), (p->>'person')::bigint)
  returning * into l;
  perform audit_add(p->>'login', 'price.proposed', 'price:' || l.id, price_shown(l));
  return price_shown(l);
end $$;

-- The second person; a dry run shows what is known now beside what would be.
create function price_approve(p jsonb, p_id bigint, d jsonb) returns jsonb language plpgsql as $$
declare l price_lists; v_now price_lists;
begin
  perform must_be_in_scope(p, null, 'a price list');
  select * into l from price_lists where id = p_id for update;
  if not found then
    raise exception 'there is no price list %', p_id using errcode = 'XQ404';
  elsif l.approved_at is not null then
    raise exception 'price list % is approved already, as version %', p_id, l.version using errcode = 'XQ409';
  elsif l.proposed_by = (p->>'person')::bigint then
    raise exception 'a second person must approve price list %', p_id using errcode = 'XQ403';
  end if;
  v_now := price_list_at(l.ca, now());
  if commits(d) then
    perform pg_advisory_xact_lock(hashtext('price ' || l.ca));
    update price_lists set approved_by = (p->>'person')::bigint, approved_at = now(), valid_from = greatest(valid_from, now()),
      version = 1 + coalesce((select max(version) from price_lists where ca = l.ca), 0)
    where id = p_id returning * into l;
    perform audit_add(p->>'login', 'price.approved', 'price:' || p_id, price_shown(l));
    perform prices_apply();
  end if;
  return jsonb_build_object('committed', commits(d), 'price_list', price_shown(l),
    'present', case when v_now.id is not null then price_shown(v_now) end,
    'waiting', (select count(*) from renewals r join renewal_states s on s.state = r.state where r.ca = l.ca and not s.final));
end $$;
