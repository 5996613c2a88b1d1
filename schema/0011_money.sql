-- Payment files, statements, links.

-- What the next payment file takes: approved, awaited, in no file yet, and neither held nor in doubt.
create view exportable_orders as
select o.*, s.unit_id
from payment_orders o join dues d on d.order_id = o.id join renewals r on r.id = d.renewal_id
join certificate_sets s on s.id = r.set_id
where o.status = 'open' and o.method = 'bank_transfer' and r.state = 'awaiting_payment'
  and r.blocked_reason is distinct from 'certificate' and jsonb_typeof(r.facts->'withdraw') is distinct from 'object' and not is_held(s.unit_id, r.ca);

-- Put every open order into one file; the bytes are made by the caller and are the same for the same orders.
create function payments_to_export(p jsonb) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'reference', o.reference, 'payer_account', o.payer_account,
    'payer_name', o.payer_name, 'payee_name', o.payee_name, 'payee_account', o.payee_account, 'payee_bank', o.payee_bank,
    'amount_fen', o.amount_fen) order by o.id), '[]')
  from exportable_orders o where in_scope(o.unit_id, (p->>'unit')::bigint)
$$;

-- One task for all orders that wait for a payment file: opened, kept up to date and closed as a set, once a minute
-- (engine_reap) and by each export.  Its deadline is that of the oldest, which xuqid counts (tasks_tend).
create function payments_ask() returns void language plpgsql as $$
declare v_values jsonb; v_count bigint;
begin
  perform pg_advisory_xact_lock(hashtext('xuqi.payments_ask')); -- an export, and the minute
  select count(*), jsonb_build_object('orders', count(*), 'amount_fen', sum(amount_fen), 'oldest', min(made_at), 'newest', max(made_at))
    into v_count, v_values from exportable_orders;
  if v_count = 0 then
    update tasks set state = 'done', closed_at = clock_timestamp(), answer = '{"by":"xuqid"}' where kind = 'export' and state = 'open';
    return;
  end if;
  update tasks set values = v_values where kind = 'export' and state = 'open' and values <> v_values;
  if not exists (select from tasks where kind = 'export' and state = 'open') then
    insert into tasks (kind, role, title, instruction, if_ignored, values)
    values ('export', 'finance', '付款: approved payment orders are in no payment file yet',
      'Make the file with xuqi payment export --out FILE --commit, upload it at the bank, and release it there as your house does. '
      || 'This task ends by itself once no approved order is left out of a file.',
      'Nothing is transferred: the quotes run out and the certificates may expire.', v_values);
  end if;
end $$;

-- Why nothing is exported: the CA names another payee, or an open order is to one that is not the pinned one any more.
create function payee_alert(p_pinned jsonb) returns text language sql stable as $$
  select coalesce((select alert from ca_facts where alert is not null order by ca limit 1),
    (select format('order %s is to %s, account %s, and that is not the pinned payee (payee.* in the settings): withdraw renewal %s and plan it anew',
        o.reference, o.payee_name, o.payee_account, r.id)
     from payment_orders o join dues d on d.order_id = o.id join renewals r on r.id = d.renewal_id
     where o.status = 'open' and o.method = 'bank_transfer' and r.state = 'awaiting_payment'
       and jsonb_typeof(r.facts->'withdraw') is distinct from 'object'
       and (o.payee_name, o.payee_account, o.payee_bank) is distinct from (p_pinned->>'name', p_pinned->>'account', p_pinned->>'bank')
     order by o.id limit 1))
$$;

create function payments_exported(p jsonb, p_ids bigint[], p_csv text, p_total bigint) returns jsonb language plpgsql as $$
declare v_id bigint; v_count int; v_alert text;
begin
  select alert into v_alert from ca_facts where alert is not null order by ca limit 1;
  if v_alert is not null then
    raise exception '%', v_alert using errcode = 'XQ409';
  end if;
  insert into payment_files (sha256, content, count, total_fen, made_by)
  values (encode(sha256(convert_to(p_csv, 'UTF8')), 'hex'), convert_to(p_csv, 'UTF8'), cardinality(p_ids), p_total, (p->>'person')::bigint)
  returning id into v_id;
  -- what the file was made from must be what may be paid now: still open, not held meanwhile
  update payment_orders o set status = 'exported', file_id = v_id where o.id = any (p_ids) and o.status = 'open'
    and o.id in (select (e->>'id')::bigint from jsonb_array_elements(payments_to_export(p)) e);
  get diagnostics v_count = row_count;
  if v_count <> cardinality(p_ids) or v_count = 0 then
    raise exception 'the open orders changed meanwhile: export again' using errcode = 'XQ409';
  end if;
  perform audit_add(p->>'login', 'payments.exported', 'payment_file:' || v_id,
    jsonb_build_object('count', v_count, 'total_fen', p_total));
  perform payments_ask();
  return jsonb_build_object('file', v_id);
end $$;

create function statement_save(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_id bigint; v_new int;
begin
  insert into statements (sha256, file_name, content, encoding, account, proven, proof, imported_by)
  values (d->>'sha256', d->>'file_name', decode(d->>'data_b64', 'base64'), d->>'encoding', d->>'account',
    (d->>'proven')::boolean, d->'checks', (p->>'person')::bigint)
  on conflict (sha256) do update set file_name = statements.file_name returning id into v_id;
  insert into statement_lines (statement_id, line_key, row, byte_offset, raw, own_account, own_name, direction, amount_fen,
    amount_raw, paid_at, paid_at_raw, paid_at_precision, party_name, party_account, party_bank, memo, bank_serial)
  select v_id, l.* from jsonb_to_recordset(d->'lines') as l(line_key text, row int, byte_offset bigint, raw text, own_account text,
    own_name text, direction text, amount_fen bigint, amount_raw text, paid_at timestamptz, paid_at_raw text,
    paid_at_precision text, party_name text, party_account text, party_bank text, memo text, bank_serial text)
  on conflict (line_key) do nothing;
  get diagnostics v_new = row_count;
  perform audit_add(p->>'login', 'statement.imported', 'statement:' || v_id, jsonb_build_object('sha256', d->>'sha256', 'new', v_new));
  return jsonb_build_object('statement', v_id, 'new', v_new);
end $$;

-- No match waits for a person any more: nor does its task.
create function finance_match_close(p_by bigint) returns void language sql as $$
  update tasks set state = 'done', closed_at = clock_timestamp(), closed_by = p_by, answer = case when p_by is null then '{"by":"xuqid"}'::jsonb end
  where kind = 'finance_match' and state = 'open' and not exists (select from links where verdict in ('suggested', 'confirmed'))
$$;

-- Keep the links and flags of one matching run.  A line or an order that is linked already stays as it is, and an order
-- that was cancelled since the run looked gets none; what a person said no to is not suggested again.  An older
-- suggestion that this run, which knows more, does not repeat is dropped; but a run that began before another
-- statement was there (d.seen) knows less: only its matches by reference count, for that statement's own run, which
-- began later, suggests for both.
create function links_save(p jsonb, d jsonb) returns jsonb language plpgsql as $$
declare v_auto int; v_suggested int; v_orders bigint[] := array(select (l->>'order')::bigint from jsonb_array_elements(d->'links') l); v_knows_all boolean;
begin
  perform pg_advisory_xact_lock(hashtext('xuqi.links_save')); -- one run after the other
  -- renewals before orders, as a step does that cancels one
  perform from renewals where id in (select renewal_id from dues where order_id = any (v_orders)) order by id for update;
  perform from payment_orders where id = any (v_orders) order by id for update;
  v_knows_all := coalesce((d->>'seen')::bigint = (select count(*) from statements), true);
  update links o set verdict = 'dropped' where v_knows_all and o.verdict = 'suggested' and not exists (
    select from jsonb_to_recordset(d->'links') as l(line bigint, "order" bigint, verdict text)
    where (l.line, l."order", l.verdict) = (o.line_id, o.order_id, 'suggested'));
  with saved as (
    insert into links (line_id, order_id, rule, verdict, text, explanation)
    select l.line, l."order", l.rule, l.verdict, l.text, l.explanation
    from jsonb_to_recordset(d->'links') as l(line bigint, "order" bigint, rule text, verdict text, text text, explanation jsonb)
    join payment_orders o on o.id = l."order" and o.status <> 'cancelled'
    where l.verdict = 'auto' or v_knows_all and not exists (
      select from links x where x.line_id = l.line and x.order_id = l."order" and x.rejected_by is not null)
    on conflict do nothing returning order_id, verdict),
  linked as (update payment_orders o set status = 'linked' from saved s where o.id = s.order_id and s.verdict = 'auto' returning o.id),
  woken as (select renewals_wake(array(select renewal_id from dues where order_id in (select id from linked)))),
  flagged as (
    insert into match_flags (line_id, order_id, rule, text)
    select f.line, f."order", f.rule, f.text
    from jsonb_to_recordset(d->'flags') as f(line bigint, "order" bigint, rule text, text text) where v_knows_all
    on conflict on constraint match_flags_once do nothing)
  select count(*) filter (where verdict = 'auto'), count(*) filter (where verdict = 'suggested') into v_auto, v_suggested
    from saved, woken;
  perform finance_match_close(null);
  if exists (select from links where verdict in ('suggested', 'confirmed')) -- also one whose task was finished without a decision
      and not exists (select from tasks where kind = 'finance_match' and state = 'open') then
    insert into tasks (kind, role, title, instruction, if_ignored, values)
    values ('finance_match', 'finance', 'A transfer without its reference waits for a decision',
      'Look at xuqi match list --verdict suggested and explain ID; confirm what is right, reject what is wrong. A second person of finance releases what was confirmed.',
      'The transfer is not declared to the CA.',
      jsonb_build_object('suggested', (select count(*) from links where verdict in ('suggested', 'confirmed'))));
  end if;
  return jsonb_build_object('auto', coalesce(v_auto, 0), 'suggested', coalesce(v_suggested, 0));
end $$;

create function match_in_scope(p_id bigint, p_scope bigint) returns boolean language sql stable as $$
  select exists (select from match_items where id = p_id and in_scope(unit_id, p_scope))
$$;

create function match_confirm(p jsonb, p_id bigint, d jsonb) returns void language plpgsql as $$
declare l links;
begin
  select * into l from links where id = p_id for update;
  if not found or not match_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no match %', p_id using errcode = 'XQ404';
  elsif l.verdict <> 'suggested' then
    raise exception 'match % is % and takes no confirmation', p_id, l.verdict using errcode = 'XQ409';
  end if;
  if commits(d) then
    update links set verdict = 'confirmed', confirmed_by = (p->>'person')::bigint, confirmed_at = now() where id = p_id;
    perform audit_add(p->>'login', 'match.confirmed', 'match:' || p_id, to_jsonb(l) - 'explanation');
  end if;
end $$;

create function match_release(p jsonb, p_id bigint, d jsonb) returns void language plpgsql as $$
declare l links;
begin
  select * into l from links where id = p_id for update;
  if not found or not match_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no match %', p_id using errcode = 'XQ404';
  elsif l.verdict <> 'confirmed' then
    raise exception 'match % is %: it is released after a confirmation', p_id, l.verdict using errcode = 'XQ409';
  elsif l.confirmed_by = (p->>'person')::bigint then
    raise exception 'who confirmed a match may not release it: a second person of finance must' using errcode = 'XQ403';
  end if;
  if commits(d) then
    update links set verdict = 'released', released_by = (p->>'person')::bigint, released_at = now() where id = p_id;
    perform renewals_wake(array(select renewal_id from dues where order_id = l.order_id)); -- renewals before orders
    update payment_orders set status = 'linked' where id = l.order_id;
    perform finance_match_close((p->>'person')::bigint);
    perform audit_add(p->>'login', 'match.released', 'match:' || p_id, to_jsonb(l) - 'explanation');
  end if;
end $$;

-- A person says no to a match that a person has to decide about.
create function match_reject(p jsonb, p_id bigint, d jsonb) returns void language plpgsql as $$
declare l links; v_reason text;
begin
  select * into l from links where id = p_id for update;
  if not found or not match_in_scope(p_id, (p->>'unit')::bigint) then
    raise exception 'there is no match %', p_id using errcode = 'XQ404';
  elsif l.verdict not in ('suggested', 'confirmed') then
    raise exception 'match % is %: only what is suggested or confirmed can be rejected', p_id, l.verdict using errcode = 'XQ409';
  end if;
  v_reason := want_reason(d);
  if commits(d) then
    update links set verdict = 'dropped', rejected_by = (p->>'person')::bigint, rejected_at = now() where id = p_id;
    perform finance_match_close((p->>'person')::bigint);
    perform audit_add(p->>'login', 'match.rejected', 'match:' || p_id, (to_jsonb(l) - 'explanation') || jsonb_build_object('reason', v_reason));
  end if;
end $$;
