-- How a renewal moves: one function per durable step, each atomic, each checking what must hold where
-- the effect is recorded and not in the screen that starts it.

-- What a person is told when a rule says no carries its own SQLSTATE: XQ403 not allowed, XQ404 no such
-- thing, XQ409 somebody was faster or it is not the time.

-- ---------------------------------------------------------------- audit and waking

-- What looks like a mobile number, a resident's number (GB 11643) or an address in any text of a document is masked:
-- the audit can never be erased.
create function personal_masked(p_doc jsonb) returns jsonb language plpgsql immutable as $$
begin
  return case jsonb_typeof(p_doc)
    when 'object' then (select coalesce(jsonb_object_agg(key, personal_masked(value)), '{}') from jsonb_each(p_doc))
    when 'array' then (select coalesce(jsonb_agg(personal_masked(e) order by o), '[]') from jsonb_array_elements(p_doc) with ordinality x(e, o))
    when 'string' then to_jsonb(regexp_replace(regexp_replace(regexp_replace(p_doc #>> '{}',
      '(?<![0-9A-Za-z])(1[3-9][0-9])[0-9]{4}([0-9]{4})(?![0-9A-Za-z])', '\1****\2', 'g'),
      '(?<![0-9A-Za-z])([1-8][0-9]{2})[0-9]{3}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([0-9]{3}[0-9X])(?![0-9A-Za-z])', '\1***********\5', 'g'),
      '([A-Za-z0-9])[A-Za-z0-9._%+-]*@([A-Za-z0-9-]+\.[A-Za-z0-9.-]+)', '\1***@\2', 'g'))
    else p_doc end;
end $$;

create function audit_add(p_actor text, p_action text, p_object text, p_detail jsonb) returns void
language sql as $$
  insert into audit (actor, action, object, detail) values (p_actor, p_action, p_object, personal_masked(coalesce(p_detail, '{}')))
$$;

-- A fact has come in for these renewals: look at them at once, also when a worker holds one just now.
-- Locked in one order, so that two wakers never wait for each other.
create function renewals_wake(p_ids bigint[]) returns void language sql as $$
  select from renewals where id = any (p_ids) order by id for update;
  update renewals set woken_at = clock_timestamp(),
    due_at = case when claimed_until is null then clock_timestamp() else due_at end
  where id = any (p_ids);
  select pg_notify('xuqi_wake', '');
$$;

-- The timeline of a renewal tells which transfer pays it, and who decided so.
create function links_in_timeline() returns trigger language plpgsql as $$
begin
  insert into journal (renewal_id, event, by, text)
  select d.renewal_id, 'transfer_' || new.verdict,
    coalesce((select login from people where id = case new.verdict when 'confirmed' then new.confirmed_by when 'released' then new.released_by end), 'xuqid'),
    new.text
  from dues d where d.order_id = new.order_id;
  return new;
end $$;
create trigger links_timeline after insert or update of verdict on links
  for each row execute function links_in_timeline();

-- ---------------------------------------------------------------- leases and moves

-- The renewal under the caller's fence; a worker that lost its lease fails here and can finish nothing.
create function renewal_fenced(p_id bigint, p_epoch bigint) returns renewals language plpgsql as $$
declare r renewals;
begin
  select * into r from renewals where id = p_id for update;
  if not found then
    raise exception 'there is no renewal %', p_id using errcode = 'XQ404';
  elsif r.epoch <> p_epoch then
    raise exception 'renewal % is in other hands: lease % has passed to %', p_id, p_epoch, r.epoch using errcode = 'XQ409';
  elsif r.claimed_until is null then
    raise exception 'renewal %: lease % was given back already', p_id, p_epoch using errcode = 'XQ409';
  end if;
  return r;
end $$;

-- Move one renewal along the table and say so in the journal.
create function renewal_move(p_id bigint, p_event text, p_to text, p_by text, p_text text) returns void
language plpgsql as $$
declare v_from text;
begin
  select state into v_from from renewals where id = p_id for update;
  insert into journal (renewal_id, event, from_state, to_state, by, text)
    values (p_id, p_event, v_from, p_to, p_by, coalesce(p_text, ''));
  update renewals set state = p_to, version = version + 1, attempts = 0, blocked_reason = null, last_error = null,
    claimed_until = null, due_at = clock_timestamp(), changed_at = clock_timestamp()
  where id = p_id;
end $$;

-- ---------------------------------------------------------------- effects

-- Make the intent of an outside effect durable, or find the one that a crash left unsettled.  Every gate
-- is checked here, in the transaction that records the intent.
create function effect_intend(p_id bigint, p_epoch bigint, p_op text, p_attempt int, p_key text, p_spends boolean)
returns table (attempt int, existed boolean) language plpgsql as $$
declare r renewals; v_unit bigint; v_alert text;
begin
  r := renewal_fenced(p_id, p_epoch);
  select unit_id into v_unit from certificate_sets where id = r.set_id;
  if is_held(v_unit) then
    raise exception 'held: no effect may start (xuqi hold list)' using errcode = 'XQ409';
  end if;
  if r.spend_approval is null then
    raise exception 'renewal % has no valid spend approval', p_id using errcode = 'XQ403';
  end if;
  select alert into v_alert from ca_facts where ca = r.ca;
  if p_spends and v_alert is not null then
    raise exception '%', v_alert using errcode = 'XQ409';
  end if;
  return query update effects e set asked = e.asked + 1
    where e.renewal_id = p_id and e.op = p_op and e.settled_at is null returning e.attempt, true;
  if not found then
    insert into effects (renewal_id, op, attempt, key) values (p_id, p_op, p_attempt, p_key);
    return query select p_attempt, false;
  end if;
end $$;

-- ---------------------------------------------------------------- the conclusion of one step

create function conclude_settle(p_id bigint, p_doc jsonb) returns void language sql as $$
  update effects set settled_at = clock_timestamp(), outcome = p_doc->>'outcome', answer = p_doc->'answer'
  where renewal_id = p_id and op = p_doc->>'op' and settled_at is null
$$;

create function conclude_order(p_id bigint, p_doc jsonb) returns void language plpgsql as $$
declare v_order bigint;
begin
  if exists (select from dues where renewal_id = p_id) then
    return; -- one payable order per renewal, ever
  end if;
  insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, method)
  values (p_doc->>'reference', p_doc->>'payer_account', p_doc->>'payer_name', p_doc->>'payee_name',
    p_doc->>'payee_account', p_doc->>'payee_bank', (p_doc->>'amount_fen')::bigint, coalesce(p_doc->>'method', 'bank_transfer'))
  returning id into v_order;
  insert into dues (renewal_id, order_id, amount_fen) values (p_id, v_order, (p_doc->>'amount_fen')::bigint);
end $$;

create function conclude_install(p_id bigint, p_doc jsonb) returns void language plpgsql as $$
begin
  insert into install_orders (renewal_id, token_id, body)
  values (p_id, (p_doc->>'token')::bigint, p_doc->'body')
  on conflict (renewal_id) where state <> 'closed' do nothing;
end $$;

create function conclude_invoice(p_id bigint, p_doc jsonb) returns void language plpgsql as $$
begin
  insert into invoices (renewal_id, number, total_fen, buyer, buyer_tax_id, seller, email, state, sent_at, document, format, sha256)
  values (p_id, p_doc->>'number', (p_doc->>'total_fen')::bigint, p_doc->>'buyer', p_doc->>'buyer_tax_id',
    p_doc->>'seller', p_doc->>'email', p_doc->>'state', (p_doc->>'sent_at')::timestamptz,
    decode(p_doc->>'document_b64', 'base64'), p_doc->>'format',
    encode(sha256(decode(p_doc->>'document_b64', 'base64')), 'hex'))
  on conflict (number) do update set state = excluded.state, total_fen = excluded.total_fen, buyer = excluded.buyer,
    buyer_tax_id = excluded.buyer_tax_id, sent_at = excluded.sent_at, document = excluded.document, format = excluded.format,
    sha256 = excluded.sha256
    where invoices.renewal_id = excluded.renewal_id and invoices.state = 'disputed';
  if exists (select from invoices where number = p_doc->>'number' and renewal_id <> p_id) then
    raise exception 'invoice % is archived for renewal % already: ask the CA which it belongs to', p_doc->>'number',
      (select renewal_id from invoices where number = p_doc->>'number') using errcode = 'XQ409';
  end if;
end $$;

-- The plan of the campaign with this renewal's new price; its digest changes with it, so both gates of this
-- renewal are shut again.  The old digest guards against a plan that changed meanwhile.
create function conclude_reprice(p_id bigint, p_campaign bigint, p_doc jsonb) returns void language plpgsql as $$
begin
  update campaigns set plan = p_doc->'plan', digest = p_doc->>'digest'
  where id = p_campaign and digest = p_doc->>'old_digest';
  if not found then
    raise exception 'the plan of campaign % changed meanwhile', p_campaign using errcode = 'XQ409';
  end if;
  update renewals set spend_approval = null, touch_approval = null, approved_fen = (p_doc->>'price_fen')::bigint, quoted_fen = null,
    term_years = (p_doc->>'term_years')::int
  where id = p_id;
end $$;

-- Close the books on one step of one renewal, atomically: settle the effect, keep what the CA said, open
-- and close tasks, and either move or wait.  DOC's members are all optional; a wait without a move gives
-- the lease back.
create function renewal_conclude(p_id bigint, p_epoch bigint, p_by text, p_doc jsonb) returns void
language plpgsql as $$
declare r renewals; t jsonb;
begin
  r := renewal_fenced(p_id, p_epoch);
  if p_doc ? 'settle' then perform conclude_settle(p_id, p_doc->'settle'); end if;
  if p_doc ? 'facts' then update renewals set facts = facts || (p_doc->'facts') where id = p_id; end if;
  if p_doc ? 'quoted_fen' then update renewals set quoted_fen = (p_doc->>'quoted_fen')::bigint where id = p_id; end if;
  if p_doc ? 'kind' then update renewals set kind = (p_doc->>'kind')::renewal_kind where id = p_id; end if;
  if p_doc ? 'client_ref' then update renewals set client_ref = p_doc->>'client_ref' where id = p_id; end if;
  if p_doc ? 'close_tasks' then
    perform tasks_close(p_id, array(select jsonb_array_elements_text(p_doc->'close_tasks')), 'done');
  end if;
  for t in select jsonb_array_elements(p_doc->'open_tasks') loop
    perform task_open(p_id, t);
  end loop;
  if p_doc ? 'order' then perform conclude_order(p_id, p_doc->'order'); end if;
  perform conclude_turns(p_id, p_doc);
  if p_doc ? 'install' then perform conclude_install(p_id, p_doc->'install'); end if;
  if p_doc ? 'close_install' then
    update install_orders set state = 'closed' where renewal_id = p_id and state = 'reported';
    -- the next token of this workstation has its turn
    perform renewals_wake(array(
      select o.renewal_id from install_orders o join tokens t1 on t1.id = o.token_id
      join certificate_sets s on s.id = r.set_id join tokens t2 on t2.id = s.token_id
      where o.state = 'queued' and t1.workstation_id = t2.workstation_id));
  end if;
  if p_doc ? 'requeue_install' then
    update install_orders set state = 'queued', outcome = null where renewal_id = p_id and state in ('reported', 'permitted');
  end if;
  if p_doc ? 'invoice' then perform conclude_invoice(p_id, p_doc->'invoice'); end if;
  if p_doc ? 'note' then
    insert into journal (renewal_id, event, by, text) values (p_id, p_doc->'note'->>'event', p_by, p_doc->'note'->>'text');
  end if;
  if p_doc ? 'move' then
    perform renewal_move(p_id, p_doc->'move'->>'event', p_doc->'move'->>'to', p_by, p_doc->'move'->>'text');
    if p_doc ? 'wait' then -- the new state begins with a pause
      update renewals set blocked_reason = p_doc->'wait'->>'reason',
        due_at = clock_timestamp() + make_interval(secs => (p_doc->'wait'->>'seconds')::double precision)
      where id = p_id;
    end if;
  else
    perform renewal_rest(p_id, p_doc->'wait');
  end if;
  -- after the move back to the gate: no later state may stand without its approval, not even for a moment
  if p_doc ? 'reprice' then perform conclude_reprice(p_id, r.campaign_id, p_doc->'reprice'); end if;
end $$;

-- Give the lease back and say until when, why, and after which error; a wake-up that came meanwhile wins.
create function renewal_rest(p_id bigint, p_wait jsonb) returns void language sql as $$
  update renewals set claimed_until = null,
    attempts = case when p_wait->>'error' is null then 0 else attempts + 1 end,
    blocked_reason = p_wait->>'reason', last_error = p_wait->>'error',
    due_at = case when woken_at > claimed_at then clock_timestamp()
                  else clock_timestamp() + make_interval(secs => coalesce((p_wait->>'seconds')::double precision, 0)) end
  where id = p_id
$$;

-- ---------------------------------------------------------------- the spend gate opens

-- Start what is approved and due: the renewals of running campaigns whose spend approval stands.
create function campaigns_start(p_limit int) returns int language plpgsql as $$
declare v_count int := 0; v_id bigint;
begin
  for v_id in
    select r.id from renewals r join campaigns c on c.id = r.campaign_id join certificate_sets s on s.id = r.set_id
    where r.state = 'awaiting_approval' and c.status = 'running' and c.start_at <= now()
      and r.spend_approval is not null and not is_held(s.unit_id)
    order by s.not_after, r.id limit p_limit for update of r skip locked
  loop
    perform renewal_move(v_id, 'spend_approved', 'binding', 'xuqid', 'approved, and the campaign runs');
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
