-- The import of a list of certificates.

-- Each row describes one certificate set.  It is the same set as an earlier row, or as one an agent reported,
-- where holder, credit code, service and day of expiry agree; a media number never decides.
create function import_error(r jsonb, p_column text, p_text text) returns jsonb language sql immutable as $$
  select jsonb_build_object('row', case when jsonb_typeof(r) = 'object' then r->'row' end, 'column', p_column, 'text', p_text)
$$;

-- What is wrong with a row by itself, or null.
create function import_fault(r jsonb) returns jsonb language sql stable as $$
  select case
    when jsonb_typeof(r) <> 'object' then import_error(r, '', 'a row must be an object')
    when coalesce(r->>'holder', '') = '' then import_error(r, 'holder', 'the holder (证书用户) is missing')
    when not coalesce(is_instant(r->>'not_after'), false) then
      import_error(r, 'not_after', format('%s is no instant (证书有效期至): write 2027-01-31T15:59:59Z', coalesce(r->>'not_after', 'nothing')))
    when coalesce(r->>'uscc', '') !~ '^([0-9A-Z]{18})?$' then
      import_error(r, 'uscc', format('%s is no 统一社会信用代码: 18 digits and capitals', r->>'uscc')) end
$$;

-- The people, unit and entity that a row names, as {unit, handler, entity}, or {error}.
create function import_names(p jsonb, r jsonb) returns jsonb language plpgsql stable as $$
declare v_unit bigint; v_entity bigint; v_handler bigint; v_scope bigint := (p->>'unit')::bigint;
begin
  select id, legal_entity_id into v_unit, v_entity from units where name = r->>'unit';
  if v_unit is null and coalesce(r->>'unit', '') <> '' then
    return jsonb_build_object('error', import_error(r, 'unit', format('unit %s is not known: add it with xuqi org apply', r->>'unit')));
  elsif not in_scope(v_unit, v_scope) then
    return jsonb_build_object('error', import_error(r, 'unit', format('unit %s is outside your scope', coalesce(nullif(r->>'unit', ''), '(none)'))));
  end if;
  select id into v_handler from people where r->>'handler' in (login, name) order by login = r->>'handler' desc, id limit 1;
  if v_handler is null and coalesce(r->>'handler', '') <> '' then
    return jsonb_build_object('error', import_error(r, 'handler',
      format('handler (经办人) %s is not known: make a token for that person first', r->>'handler')));
  end if;
  return jsonb_build_object('unit', v_unit, 'handler', v_handler,
    'entity', coalesce((select id from legal_entities where uscc = r->>'uscc'), v_entity));
end $$;

-- Put what a row says into the set V_ID; gives what changed.
create function import_over(p_id bigint, r jsonb, n jsonb) returns jsonb language plpgsql as $$
declare v_old jsonb; v_new jsonb; v_differences jsonb;
begin
  select to_jsonb(s) - 'source' into v_old from certificate_sets s where id = p_id for update;
  update certificate_sets s set media_no = coalesce(import_media_no(r), media_no), unit_id = coalesce((n->>'unit')::bigint, unit_id),
    legal_entity_id = coalesce((n->>'entity')::bigint, legal_entity_id), handler_id = coalesce((n->>'handler')::bigint, handler_id),
    custodian = coalesce(nullif(r->>'custodian', ''), custodian), place = coalesce(nullif(r->>'place', ''), place),
    source = case when source = 'agent' then 'both' else source end
  where id = p_id returning to_jsonb(s) - 'source' into v_new;
  select jsonb_agg(jsonb_build_object('row', r->'row', 'holder', r->>'holder', 'service', r->>'service',
      'column', replace(b.key, '_id', ''), 'from', b.value, 'to', v_new->b.key) order by b.key)
    into v_differences from jsonb_each(v_old) b where b.value is distinct from v_new->b.key;
  if v_differences is not null then
    perform renewals_wake(array(select id from renewals where set_id = p_id));
  end if;
  return v_differences;
end $$;

-- 介质编号; the CA writes -- where it has none.
create function import_media_no(r jsonb) returns text language sql immutable as $$
  select case when r->>'media_no' in ('', '--') then null else r->>'media_no' end
$$;

create function certificates_import(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare r jsonb; n jsonb; v_ids bigint[]; v_error jsonb; v_changes jsonb; v_new int := 0; v_changed int := 0; v_same int := 0;
  v_errors jsonb[] := '{}'; v_differences jsonb[] := '{}'; v_committed boolean;
begin
  perform want_list(d, 'rows');
  for r in select jsonb_array_elements(d->'rows') loop
    v_error := import_fault(r);
    if v_error is null then
      n := import_names(p, r);
      v_error := n->'error';
    end if;
    if v_error is null then
      select array_agg(id) into v_ids from certificate_sets s
        where s.holder = r->>'holder' and s.uscc = coalesce(r->>'uscc', '') and s.service = coalesce(r->>'service', '')
          and (s.not_after at time zone 'Asia/Shanghai')::date = ((r->>'not_after')::timestamptz at time zone 'Asia/Shanghai')::date;
      if cardinality(v_ids) > 1 then
        v_error := import_error(r, 'holder',
          format('%s certificates have this holder, service and expiry: a person must tell them apart', cardinality(v_ids)));
      elsif not in_scope((select unit_id from certificate_sets where id = v_ids[1]), case when v_ids is not null then (p->>'unit')::bigint end) then
        v_error := import_error(r, 'holder', 'this certificate is outside your scope');
      end if;
    end if;
    if v_error is not null then
      v_errors := v_errors || v_error;
    elsif v_ids is null then
      insert into certificate_sets (holder, uscc, service, media_no, not_after, unit_id, legal_entity_id, handler_id, custodian, place, source)
      values (r->>'holder', coalesce(r->>'uscc', ''), coalesce(r->>'service', ''), import_media_no(r), (r->>'not_after')::timestamptz,
        (n->>'unit')::bigint, (n->>'entity')::bigint, (n->>'handler')::bigint, coalesce(r->>'custodian', ''), coalesce(r->>'place', ''), 'import');
      v_new := v_new + 1;
    else
      v_changes := import_over(v_ids[1], r, n);
      v_differences := v_differences || array(select jsonb_array_elements(v_changes));
      v_changed := v_changed + (v_changes is not null)::int;
      v_same := v_same + (v_changes is null)::int;
    end if;
  end loop;
  v_committed := cardinality(v_errors) = 0 and commits(d);
  if v_committed then
    perform audit_add(p->>'login', 'certificates.imported', 'certificates',
      jsonb_build_object('new', v_new, 'changed', v_changed, 'same', v_same));
  end if;
  return jsonb_build_object('committed', v_committed, 'new', v_new, 'changed', v_changed, 'same', v_same,
    'errors', to_jsonb(v_errors), 'differences', to_jsonb(v_differences));
end $$;

-- The import as asked for: without commit, or with any error, what it did is undone and only the report stays.
create function certificates_import_checked(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_report jsonb;
begin
  begin
    v_report := certificates_import(p, d);
    if not (v_report->>'committed')::boolean then
      raise exception 'undo' using errcode = 'XQ000';
    end if;
  exception when sqlstate 'XQ000' then null;
  end;
  return v_report;
end $$;
