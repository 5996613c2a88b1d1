-- What people do, each act one function: it checks that the person may, changes everything or nothing, and
-- leaves an audit entry.  P is the caller {person, login, role, unit}, D the body of the request.

create function refuse(p_state text, p_text text) returns jsonb language plpgsql as $$
begin
  raise exception '%', p_text using errcode = p_state;
end $$;

create function must_be(p jsonb, p_roles text[]) returns void language plpgsql as $$
begin
  if not (p->>'role' = any (p_roles)) then
    raise exception 'role % may not do this; it takes %', p->>'role', array_to_string(p_roles, ' or ') using errcode = 'XQ403';
  end if;
end $$;

-- Only "commit": true commits; a word or a number does not.
create function commits(d jsonb) returns boolean language sql immutable as $$
  select coalesce(d->'commit' = 'true', false)
$$;

-- Who is bound to a unit may act on that unit only; what belongs to no unit is for those who are not.
create function must_be_in_scope(p jsonb, p_unit bigint, p_what text) returns void language plpgsql as $$
begin
  if not in_scope(p_unit, (p->>'unit')::bigint) then
    raise exception '% is outside your scope', p_what using errcode = 'XQ403';
  end if;
end $$;

create function want_list(d jsonb, p_member text) returns void language plpgsql as $$
begin
  if jsonb_typeof(d->p_member) is distinct from 'array' then
    raise exception '% must be a list', p_member using errcode = 'P0001';
  end if;
end $$;

-- A day as people write it here, and one that there is: 01/12/2026 is two days, by who reads it.
create function is_day(p_text text) returns boolean language plpgsql immutable as $$
begin
  return p_text ~ '^\d{4}-\d\d-\d\d$' and p_text::date is not null;
exception when others then
  return false;
end $$;
create function want_day(d jsonb, p_member text) returns date language plpgsql immutable as $$
begin
  if d->>p_member is not null and not is_day(d->>p_member) then
    raise exception '%: a day such as 2026-12-01 is expected, not %', p_member, d->>p_member using errcode = 'P0001';
  end if;
  return (d->>p_member)::date;
end $$;

create function is_instant(p_text text) returns boolean language plpgsql stable as $$
begin
  return p_text ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$' and p_text::timestamptz is not null;
exception when others then
  return false;
end $$;

-- {items, next_cursor} of up to LIM items, of which one more was selected.
create function page(p_items jsonb, p_limit int) returns jsonb language sql immutable as $$
  select jsonb_build_object(
    'items', coalesce((select jsonb_agg(e order by o) from jsonb_array_elements(p_items) with ordinality x(e, o) where o <= p_limit), '[]'),
    'next_cursor', case when jsonb_array_length(p_items) > p_limit then p_items->(p_limit - 1)->>'id' end)
$$;
create function page_limit(q jsonb) returns int language sql immutable as $$
  select greatest(1, least(200, coalesce((q->>'limit')::int, 50)))
$$;

-- ---------------------------------------------------------------- organisation, tokens

create function organisation_apply(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare e jsonb; a jsonb; u jsonb; v_entity bigint; v_parent bigint; v_counts jsonb;
begin
  perform must_be_in_scope(p, null, 'the organisation');
  perform want_list(d, 'legal_entities');
  for e in select jsonb_array_elements(d->'legal_entities') loop
    insert into legal_entities (name, uscc, tax_id, invoice_title)
    values (e->>'name', e->>'uscc', coalesce(e->>'tax_id', e->>'uscc'), coalesce(e->>'invoice_title', e->>'name'))
    on conflict (uscc) do update set name = excluded.name, tax_id = excluded.tax_id, invoice_title = excluded.invoice_title
    returning id into v_entity;
    for a in select jsonb_array_elements(coalesce(e->'payer_accounts', '[]')) loop
      insert into payer_accounts (legal_entity_id, account, name, bank) values (v_entity, a->>'account', a->>'name', a->>'bank')
      on conflict (account) do update set name = excluded.name, bank = excluded.bank;
    end loop;
    for u in select jsonb_array_elements(coalesce(e->'units', '[]')) loop
      select id into v_parent from units where name = u->>'parent';
      if u->>'parent' is not null and v_parent is null then
        raise exception 'unit %: its parent % is not known; name parents first', u->>'name', u->>'parent' using errcode = 'P0001';
      end if;
      insert into units (legal_entity_id, parent_id, name) values (v_entity, v_parent, u->>'name')
      on conflict (name) do nothing;
    end loop;
  end loop;
  select jsonb_build_object('legal_entities', (select count(*) from legal_entities), 'units', (select count(*) from units),
    'payer_accounts', (select count(*) from payer_accounts)) into v_counts;
  perform audit_add(p->>'login', 'organisation.applied', 'organisation', d);
  return v_counts;
end $$;

create function token_make(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_person bigint; v_unit bigint; v_id bigint; v_entity bigint; v_days int := coalesce((d->>'days')::int, 90);
begin
  if d->>'login' !~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' then
    raise exception 'login: 1 to 64 letters, digits and . _ @ - are expected' using errcode = 'P0001';
  elsif v_days not between 1 and 3650 then
    raise exception 'days is 1 to 3650' using errcode = 'P0001';
  end if;
  if d->>'unit' is not null then
    select id into v_unit from units where name = d->>'unit';
    if v_unit is null then
      raise exception 'there is no unit %', d->>'unit' using errcode = 'P0001';
    end if;
  end if;
  perform must_be_in_scope(p, v_unit, coalesce('unit ' || (d->>'unit'), 'a token for every unit'));
  if exists (select from api_tokens t join people m on m.id = t.person_id where m.login = d->>'login' and not in_scope(t.unit_id, (p->>'unit')::bigint)) then
    raise exception 'the person % is outside your scope', d->>'login' using errcode = 'XQ403';
  end if;
  if exists (select from people where id_no_key = d->>'id_no_key' and login <> d->>'login') then
    raise exception 'this id number is already recorded with %: a person has one login', (select login from people where id_no_key = d->>'id_no_key')
      using errcode = 'XQ409';
  end if;
  insert into people (login, name, mobile, email, id_type, id_no, mobile_key, id_no_key, marks)
  values (d->>'login', coalesce(d->>'name', d->>'login'), d->>'mobile', d->>'email',
    case when d->>'id_no' is not null then coalesce(d->>'id_type', 'id_card') end, d->>'id_no', d->>'mobile_key', d->>'id_no_key',
    coalesce(d->'marks', '{}'))
  on conflict (login) do update set name = coalesce(d->>'name', people.name), mobile = coalesce(excluded.mobile, people.mobile),
    email = coalesce(excluded.email, people.email), id_type = coalesce(excluded.id_type, people.id_type),
    id_no = coalesce(excluded.id_no, people.id_no), mobile_key = coalesce(excluded.mobile_key, people.mobile_key),
    id_no_key = coalesce(excluded.id_no_key, people.id_no_key), marks = people.marks || excluded.marks
  returning id into v_person;
  if d->>'legal_entity' is not null then
    select id into v_entity from legal_entities where uscc = d->>'legal_entity';
    if v_entity is null then
      raise exception 'there is no legal entity with 统一社会信用代码 %', d->>'legal_entity' using errcode = 'P0001';
    end if;
    insert into handlers (person_id, legal_entity_id, authorised_until)
    values (v_person, v_entity, want_day(d, 'authorised_until'))
    on conflict (person_id, legal_entity_id) do update set authorised_until = excluded.authorised_until;
  end if;
  insert into api_tokens (person_id, role, unit_id, secret_sha256, expires_at)
  values (v_person, (d->>'role')::person_role, v_unit, d->>'secret_sha256',
    now() + make_interval(days => v_days))
  returning id into v_id;
  perform audit_add(p->>'login', 'token.made', 'token:' || v_id, d - '{secret_sha256,name,mobile,email,id_no,mobile_key,id_no_key}'::text[]);
  return jsonb_build_object('id', v_id, 'login', d->>'login', 'role', d->>'role', 'unit', d->>'unit');
end $$;
