-- Sittings: the cards of one person at one place in the order in which they are worked off; answers checked column by
-- column; certificates that no agent has seen.

-- ---------------------------------------------------------------- what a card asks back

-- As common/version.c reads it.
create function is_version(p_text text) returns boolean language sql immutable as $$
  select p_text ~ '^[Vv]?[0-9]{1,9}(\.[0-9]{1,9}){0,5}$'
$$;

-- What is wrong with VALUES as the answer to a card's asks (values.asks of the task): one line per column.
create function card_errors(p_asks jsonb, p_values jsonb) returns table (col text, text text) language sql stable as $$
  with asked as (
    select a->>'key' as key, a->>'label' as label, a->'choices' as choices, a->>'form' as form, trim(coalesce(p_values->>(a->>'key'), '')) as value
    from jsonb_array_elements(p_asks) a
    where not a ? 'when' or a->'when' ? coalesce(p_values->>'result', '')),
  known as (select a->>'key' as key from jsonb_array_elements(p_asks) a)
  select key, case
    when value = '' then key || ' (' || label || ') is missing'
    when choices is not null and not choices ? value then key || ' (' || label || ') is one of: ' || (select string_agg(c, ', ') from jsonb_array_elements_text(choices) c)
    when form = 'yuan' and fen_of_yuan(value) is null then key || ' (' || label || ') is an amount in yuan, such as 200.00'
    when form = 'date' and not is_day(value) then key || ' (' || label || ') is a day, such as 2026-11-22'
    when form = 'version' and not is_version(value) then key || ' (' || label || ') is a version, such as 4.7.6' end
  from asked
  where coalesce(form, '') <> 'file' and (value = '' or (choices is not null and not choices ? value)
    or (form = 'yuan' and fen_of_yuan(value) is null) or (form = 'date' and not is_day(value)) or (form = 'version' and not is_version(value)))
  union all
  select v.key, 'this task does not ask for ' || v.key from jsonb_each_text(p_values) v
  where v.value <> '' and v.key not in (select key from known)
$$;

-- Under a hold of its unit or CA a card stands still: what it asks for would be an effect.
create function card_is_held(p_renewal bigint) returns boolean language sql stable as $$
  select coalesce((select is_held(s.unit_id, r.ca) from renewals r join certificate_sets s on s.id = r.set_id where r.id = p_renewal), false)
$$;

-- Refuse an answer that a card cannot use; nothing for tasks that are no cards.
create function card_check(p_task bigint, p_values jsonb) returns void language plpgsql as $$
declare t tasks; v_text text;
begin
  select * into t from tasks where id = p_task;
  if not t.values ? 'asks' then
    return;
  elsif t.kind = 'install_by_person' then
    raise exception 'task % ends by itself when inventory shows the new certificate: let the agent report it, or xuqi cert upload FILE', p_task
      using errcode = 'XQ409';
  elsif card_is_held(t.renewal_id) then
    raise exception 'held: task % is not to be done now (xuqi hold list)', p_task using errcode = 'XQ409';
  end if;
  select string_agg(e.text, '; ') into v_text from card_errors(t.values->'asks', p_values) e;
  if v_text is not null then
    raise exception 'task %: %', p_task, v_text using errcode = 'P0001';
  end if;
end $$;

-- ---------------------------------------------------------------- sittings

-- The kinds of cards that one person works off at the phone or the client: order, and minutes as they usually take.
create table sitting_kinds (kind text primary key, rank int not null, minutes int not null);
insert into sitting_kinds values ('bind', 1, 3), ('agreement', 2, 2), ('attachment', 3, 3), ('intent', 4, 1), ('apply', 5, 5), ('remit', 6, 2),
  ('correction', 7, 5), ('review', 8, 1), ('withdraw_at_ca', 9, 2), ('install_by_person', 10, 4), ('invoice_file', 11, 2), ('refund_of_ca', 12, 2);

-- Open cards with whose they are and where, packed into sittings of about thirty minutes: bindings first (a QR lives
-- thirty minutes, and one at a time), what expires first before the rest.
create view sitting_cards as
with cards as (
  select k.id, k.kind, k.title, k.renewal_id, k.owner, k.instruction, k.needs, k.values, k.if_ignored, k.due_at, k.assignee_id, k.set_unit_id, k.holder,
    k.service, coalesce(nullif(w.place, ''), nullif(w.name, ''), nullif(s.place, ''), '-') as place, s.not_after, x.rank, x.minutes,
    card_is_held(k.renewal_id) as held
  from task_items k join sitting_kinds x on x.kind = k.kind
  join renewals r on r.id = k.renewal_id join certificate_sets s on s.id = r.set_id
  left join tokens t on t.id = s.token_id left join workstations w on w.id = t.workstation_id
  where k.state = 'open'),
packed as (
  select c.*, (sum(minutes) over whole - minutes) / 30 as part,
    row_number() over (partition by owner order by place, rank, not_after, id) as at
  from cards c
  window whole as (partition by owner, place order by rank, not_after, id))
select p.*, p.owner || '-' || dense_rank() over (partition by owner order by place, part) as sitting,
  row_number() over (partition by owner, place, part order by rank, not_after, id) as n
from packed p;

create function sitting_show(p jsonb, p_id text) returns jsonb language sql stable as $$
  select jsonb_build_object('sitting', c.sitting, 'person', min(c.owner), 'place', min(c.place), 'minutes', sum(c.minutes),
    'held', bool_or(c.held),
    'cards', jsonb_agg(jsonb_build_object('n', c.n, 'task', c.id, 'kind', c.kind, 'title', c.title, 'holder', c.holder, 'service', c.service,
      'not_after', c.not_after, 'held', c.held, 'instruction', c.instruction, 'if_ignored', c.if_ignored,
      'lines', coalesce(values_for(c.values, c.owner = p->>'login')->'lines', '[]'), 'asks', coalesce(c.values->'asks', '[]')) order by c.n))
  from sitting_cards c
  where c.sitting = p_id and in_scope(c.set_unit_id, (p->>'unit')::bigint)
    and (p->>'role' in ('admin', 'operator') or c.owner in (p->>'login', p->>'role'))
  group by c.sitting
$$;

-- ---------------------------------------------------------------- many answers at once

-- Answer the tasks of ROWS [{row, task, values, files}] together: all of them, or none and what is wrong, by row and
-- column.
create function tasks_done(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare r jsonb; t task_items; e record; v_errors jsonb := '[]'; v_seen bigint[] := '{}'; v_before int; v_text text;
begin
  perform want_list(d, 'rows');
  for r in select jsonb_array_elements(d->'rows') loop
    v_before := jsonb_array_length(v_errors);
    select * into t from task_items where id = case when r->>'task' ~ '^[0-9]{1,18}$' then (r->>'task')::bigint end;
    if t.id is null then
      v_errors := v_errors || jsonb_build_object('row', r->'row', 'column', 'task', 'text', 'there is no task ' || coalesce(r->>'task', '(none)'));
      continue;
    elsif t.id = any (v_seen) then
      v_errors := v_errors || jsonb_build_object('row', r->'row', 'column', 'task', 'text', 'task ' || t.id || ' stands in the file twice');
      continue;
    end if;
    v_seen := v_seen || t.id;
    for e in select * from card_errors(t.values->'asks', coalesce(r->'values', '{}')) where t.values ? 'asks' loop
      v_errors := v_errors || jsonb_build_object('row', r->'row', 'column', e.col, 'text', e.text);
    end loop;
    if jsonb_array_length(v_errors) = v_before then
      begin -- a dry run of each says what else stands in the way
        perform task_done(p, t.id, r - 'commit');
      exception when others then
        get stacked diagnostics v_text = message_text;
        v_errors := v_errors || jsonb_build_object('row', r->'row', 'column', 'task', 'text', v_text);
      end;
    end if;
  end loop;
  if commits(d) and jsonb_array_length(v_errors) = 0 then
    for r in select jsonb_array_elements(d->'rows') loop
      perform task_done(p, (r->>'task')::bigint, r || '{"commit":true}');
    end loop;
  end if;
  return jsonb_build_object('committed', commits(d) and jsonb_array_length(v_errors) = 0, 'rows', jsonb_array_length(d->'rows'), 'errors', v_errors);
end $$;

-- ---------------------------------------------------------------- certificates that people upload

-- The sets that a certificate without a token can belong to: its own, its subject's, else those whose holder, credit
-- code and service are the same and whose expiry is the same day (the list said so) or earlier (it renews it).
create function sets_of_upload(p_cert jsonb) returns bigint[] language plpgsql stable as $$
declare v_ids bigint[];
begin
  select array_agg(distinct c.set_id) into v_ids from certificates c
    where c.issuer_sha256 = p_cert->>'issuer_sha256' and c.serial = p_cert->>'serial';
  if v_ids is null then
    select array_agg(distinct c.set_id) into v_ids from certificates c
      where c.subject_sha256 = p_cert->>'subject_sha256' and c.spki_sha256 = p_cert->>'spki_sha256';
  end if;
  if v_ids is null then
    select array_agg(s.id) into v_ids from certificate_sets s
      where s.holder = p_cert->>'holder' and s.service = p_cert->>'service' and s.uscc = p_cert->>'uscc'
        and (s.not_after at time zone 'Asia/Shanghai')::date = ((p_cert->>'not_after')::timestamptz at time zone 'Asia/Shanghai')::date;
  end if;
  if v_ids is null then
    select array_agg(s.id) into v_ids from certificate_sets s
      where s.holder = p_cert->>'holder' and s.service = p_cert->>'service' and s.uscc = p_cert->>'uscc'
        and s.not_after < (p_cert->>'not_after')::timestamptz;
  end if;
  return coalesce(v_ids, '{}');
end $$;

-- Take certificates that people exported (public parts only) into the inventory: all of them, or none.
create function certificates_upload(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare c jsonb; v_ids bigint[]; v_sets bigint[] := '{}'; v_errors jsonb := '[]'; v_new int := 0; v_wrong text;
begin
  perform want_list(d, 'certificates');
  for c in select jsonb_array_elements(d->'certificates') loop
    v_ids := sets_of_upload(c);
    v_wrong := case cardinality(v_ids) when 1 then null
      when 0 then 'no certificate is known of ' || (c->>'holder') || case c->>'service' when '' then ' without a service (服务名称)'
        else ' for ' || (c->>'service') end || ': import it first (xuqi cert import)'
      else 'it can belong to ' || cardinality(v_ids) || ' certificates of ' || (c->>'holder') || ': let the agent report it' end;
    if v_wrong is null and not in_scope((select unit_id from certificate_sets where id = v_ids[1]), (p->>'unit')::bigint) then
      v_wrong := 'it is outside your scope';
    end if;
    if v_wrong is not null then
      v_errors := v_errors || jsonb_build_object('row', c->'row', 'column', c->>'serial', 'text', v_wrong);
      continue;
    end if;
    insert into certificates (set_id, token_id, issuer_sha256, serial, sha256, role, issuer, subject, subject_sha256,
      spki_sha256, key_type, not_before, not_after, der)
    select s.id, s.token_id, c->>'issuer_sha256', c->>'serial', c->>'sha256', (c->>'role')::certificate_role, c->>'issuer', c->>'subject',
      c->>'subject_sha256', c->>'spki_sha256', c->>'key_type', (c->>'not_before')::timestamptz, (c->>'not_after')::timestamptz,
      decode(c->>'der_b64', 'base64') from certificate_sets s where s.id = v_ids[1]
    on conflict on constraint certificates_issuer_serial_once do nothing;
    if found then
      v_new := v_new + 1;
    end if;
    perform set_refresh(v_ids[1]);
    v_sets := v_sets || v_ids[1];
  end loop;
  if jsonb_array_length(v_errors) > 0 or not commits(d) then
    raise exception using errcode = 'XQ000', message = jsonb_build_object('committed', false, 'certificates', jsonb_array_length(d->'certificates'),
      'new', v_new, 'errors', v_errors)::text;
  end if;
  perform renewals_wake(array(select r.id from renewals r join renewal_states s on s.state = r.state where r.set_id = any (v_sets) and not s.final));
  perform audit_add(p->>'login', 'certificate.uploaded', 'sets', jsonb_build_object('serials', (select jsonb_agg(x->>'serial') from jsonb_array_elements(d->'certificates') x)));
  return jsonb_build_object('committed', true, 'certificates', jsonb_array_length(d->'certificates'), 'new', v_new, 'errors', '[]'::jsonb);
end $$;

-- The same, undone again by a dry run or an error: what it would do is what it did.
create function certificates_try_upload(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_text text;
begin
  return certificates_upload(p, d);
exception when sqlstate 'XQ000' then
  get stacked diagnostics v_text = message_text;
  return v_text::jsonb;
end $$;
