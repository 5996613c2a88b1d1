-- Holds: every effect stops at once, until two people release it.

create function hold_set(p jsonb, d jsonb) returns bigint language plpgsql as $$
declare v_unit bigint; v_ca text; v_id bigint;
begin
  if coalesce(d->>'reason', '') = '' then
    raise exception 'a hold wants a reason' using errcode = 'P0001';
  end if;
  if d->>'scope' in ('unit', 'ca') and coalesce(d->>'target', '') = '' then
    raise exception 'a hold of a % wants its name: add --target NAME, or say xuqi hold all', d->>'scope' using errcode = 'P0001';
  elsif coalesce(d->>'scope', 'all') = 'all' and coalesce(d->>'target', '') <> '' then
    raise exception 'a hold of all takes no target: say --scope unit or --scope ca to hold % alone', d->>'target' using errcode = 'P0001';
  end if;
  if d->>'scope' = 'unit' then
    select id into v_unit from units where name = d->>'target';
    if v_unit is null then
      raise exception 'there is no unit %', d->>'target' using errcode = 'P0001';
    end if;
  elsif d->>'scope' = 'ca' then
    select ca into v_ca from cas where ca = d->>'target';
    if v_ca is null then
      raise exception 'there is no CA %: this installation speaks to %', d->>'target',
        (select coalesce(string_agg(ca, ', ' order by ca), 'none yet') from cas) using errcode = 'P0001';
    end if;
  elsif coalesce(d->>'scope', 'all') <> 'all' then
    raise exception 'scope is all, unit or ca' using errcode = 'P0001';
  end if;
  perform must_be_in_scope(p, v_unit, case when v_ca is not null then 'a hold of a CA' when v_unit is null then 'a hold of everything' else 'unit ' || (d->>'target') end);
  insert into holds (scope, unit_id, ca, reason, set_by) values (coalesce(d->>'scope', 'all'), v_unit, v_ca, d->>'reason', (p->>'person')::bigint)
    returning id into v_id;
  perform audit_add(p->>'login', 'hold.set', 'hold:' || v_id, d);
  return v_id;
end $$;

create function hold_release(p jsonb, p_id bigint) returns jsonb language plpgsql as $$
declare h holds;
begin
  select * into h from holds where id = p_id for update;
  if not found then
    raise exception 'there is no hold %', p_id using errcode = 'XQ404';
  elsif not in_scope(h.unit_id, (p->>'unit')::bigint) then
    raise exception 'hold % is outside your scope', p_id using errcode = 'XQ403';
  elsif h.released_at is not null then
    raise exception 'hold % is released already', p_id using errcode = 'XQ409';
  elsif h.release_asked_by is null then
    update holds set release_asked_by = (p->>'person')::bigint where id = p_id;
    perform audit_add(p->>'login', 'hold.release_asked', 'hold:' || p_id, '{}');
    return jsonb_build_object('id', p_id, 'released', false, 'needs', 'the release by a second person');
  elsif h.release_asked_by = (p->>'person')::bigint then
    raise exception 'a second person must release hold %', p_id using errcode = 'XQ403';
  else
    update holds set released_by = (p->>'person')::bigint, released_at = now() where id = p_id;
    perform audit_add(p->>'login', 'hold.released', 'hold:' || p_id, '{}');
    perform pg_notify('xuqi_wake', '');
  end if;
  return jsonb_build_object('id', p_id, 'released', true);
end $$;
