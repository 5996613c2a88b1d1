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
-- Locked in one order, so that two wakers never wait for each other.  Later than the claim, wherever the clock is set.
create function renewals_wake(p_ids bigint[]) returns void language sql as $$
  select from renewals where id = any (p_ids) order by id for update;
  update renewals set woken_at = greatest(clock_timestamp(), claimed_at + interval '1 microsecond'),
    due_at = case when claimed_until is null then clock_timestamp() else due_at end
  where id = any (p_ids);
  select pg_notify('xuqi_wake', '');
$$;

-- The timeline of a renewal tells which transfer pays it, and who decided so.
create function links_in_timeline() returns trigger language plpgsql as $$
begin
  insert into journal (renewal_id, event, by, text)
  select d.renewal_id, 'transfer_' || new.verdict,
    coalesce((select login from people where id = case new.verdict when 'confirmed' then new.confirmed_by when 'released' then new.released_by
      when 'dropped' then new.rejected_by end), 'xuqid'),
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
    claimed_until = null, due_at = clock_timestamp(), changed_at = clock_timestamp(), blocked_at = clock_timestamp()
  where id = p_id;
end $$;

-- ---------------------------------------------------------------- effects

-- Make the intent of an outside effect durable, or find the one that a crash left unsettled.  Every gate
-- is checked here, in the transaction that records the intent.
create function effect_intend(p_id bigint, p_epoch bigint, p_op text, p_attempt int, p_key text, p_spends boolean, p_alone boolean default false)
returns table (attempt int, existed boolean) language plpgsql as $$
declare r renewals; v_unit bigint; v_alert text;
begin
  r := renewal_fenced(p_id, p_epoch);
  select unit_id into v_unit from certificate_sets where id = r.set_id;
  if is_held(v_unit, r.ca) then
    raise exception 'held: no effect may start (xuqi hold list)' using errcode = 'XQ409';
  end if;
  if r.spend_approval is null and p_op <> 'withdraw' then -- to leave needs no approval
    raise exception 'renewal % has no valid spend approval', p_id using errcode = 'XQ403';
  end if;
  select alert into v_alert from ca_facts where ca = r.ca;
  if p_spends and v_alert is not null then
    raise exception '%', v_alert using errcode = 'XQ409';
  end if;
  if p_alone then -- two workers and one handler: still one QR code
    perform from people where id = handler_of(r) for no key update;
    if not qr_is_free(r) then
      raise exception 'renewal %: its handler holds another QR code', p_id using errcode = 'XQ409';
    end if;
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
  if exists (select from dues d join payment_orders o on o.id = d.order_id where d.renewal_id = p_id and o.status <> 'cancelled') then
    return; -- one payable order per renewal
  end if;
  if exists (select from renewals r join campaigns c on c.id = r.campaign_id where r.id = p_id and c.plan ? 'payee'
      and (c.plan#>>'{payee,name}', c.plan#>>'{payee,account}', c.plan#>>'{payee,bank}')
        is distinct from (p_doc->>'payee_name', p_doc->>'payee_account', p_doc->>'payee_bank')) then
    raise exception 'renewal %: payee.* of the settings is not the payee of the approved plan: withdraw it and plan it anew', p_id using errcode = 'XQ409';
  end if;
  insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, method)
  values (p_doc->>'reference', p_doc->>'payer_account', p_doc->>'payer_name', p_doc->>'payee_name',
    p_doc->>'payee_account', p_doc->>'payee_bank', (p_doc->>'amount_fen')::bigint, coalesce(p_doc->>'method', 'bank_transfer'))
  returning id into v_order;
  insert into dues (renewal_id, order_id, amount_fen) values (p_id, v_order, (p_doc->>'amount_fen')::bigint)
  on conflict (renewal_id) do update set order_id = excluded.order_id, amount_fen = excluded.amount_fen;
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
-- renewal are shut again.  The old digest guards against a plan that changed meanwhile.  Where the CA's answer named an
-- agreement that its meta does not show yet (facts.agreement_before), it is the CA's last word for all renewals: else
-- each other one of the plan would turn it back to the text of that meta, and cost an approval.
create function conclude_reprice(p_id bigint, p_campaign bigint, p_doc jsonb) returns void language plpgsql as $$
declare v_was text := (select plan->>'agreement_sha256' from campaigns where id = p_campaign); v_now text := p_doc->'plan'->>'agreement_sha256';
begin
  update campaigns set plan = p_doc->'plan', digest = p_doc->>'digest'
  where id = p_campaign and digest = p_doc->>'old_digest';
  if not found then
    raise exception 'the plan of campaign % changed meanwhile', p_campaign using errcode = 'XQ409';
  end if;
  update renewals set spend_approval = null, touch_approval = null, approved_fen = (p_doc->>'price_fen')::bigint, quoted_fen = null,
    term_years = (p_doc->>'term_years')::int
  where id = p_id;
  update ca_facts f set told_over = r.facts->>'agreement_before', told_at = now(), meta = jsonb_set(f.meta, '{agreement}',
    jsonb_build_object('id', p_doc->'plan'->'agreement_id', 'version', p_doc->'plan'->'agreement_version', 'sha256', v_now))
  from renewals r where r.id = p_id and f.ca = r.ca and v_now is distinct from v_was and r.facts->>'agreement_sha256' = v_now
    and f.meta#>>'{agreement,sha256}' = r.facts->>'agreement_before'
    and not exists (select from price_lists l where l.ca = f.ca); -- what people list, people change
end $$;

-- Whether a conclusion has only members that are written set by set.
create function conclusion_is_plain(p_doc jsonb) returns boolean language sql immutable as $$
  select p_doc - '{settle,facts,quoted_fen,kind,client_ref,note,move,wait}'::text[] = '{}'
$$;

-- Close the books on one step of many renewals by the plain members of their documents: settle the effect, keep
-- what the CA said, note, and either move or rest.  ITEMS: {id, epoch, doc}.  Each is fenced by itself: a worker
-- that lost its lease fails there, and the others go through.  A rest counts attempts while its reason stays the
-- same; progress starts the count again; a wake-up that came meanwhile wins over the pause of either.
create function conclude_plain(p_items jsonb, p_by text) returns table (n int, failed text, why text) language sql as $$
  with given as materialized (
    select i.n::int as n, i.id, i.epoch, i.doc, row_number() over (partition by i.id order by i.n) > 1 as again
    from rows from (jsonb_to_recordset(p_items) as (id bigint, epoch bigint, doc jsonb)) with ordinality i(id, epoch, doc, n)),
  locked as materialized (
    select r.id, r.epoch, r.claimed_until, r.state from renewals r where r.id = any (array(select id from given)) order by r.id for update),
  items as materialized (
    select i.*, r.epoch as held_by, r.claimed_until, r.state from given i left join locked r on r.id = i.id),
  good as materialized (
    select id, i.n, doc, doc->'move' as move, doc->'wait' as wait, state from items i
    where held_by = epoch and claimed_until is not null and not again),
  settled as (
    update effects e set settled_at = clock_timestamp(), outcome = g.doc->'settle'->>'outcome', answer = g.doc->'settle'->'answer'
    from good g where g.doc ? 'settle' and e.renewal_id = g.id and e.op = g.doc->'settle'->>'op' and e.settled_at is null),
  written as (
    insert into journal (renewal_id, event, from_state, to_state, by, text)
    select l.id, l.line->>'event', l.from_state, l.line->>'to', p_by, coalesce(l.line->>'text', '') from (
      select id, g.n, 1 as place, doc->'note' as line, null as from_state from good g where doc ? 'note'
      union all select id, g.n, 2, move, state from good g where move is not null) l
    order by l.n, l.place),
  moved as (
    update renewals r set state = g.move->>'to', version = version + 1, attempts = 0, last_error = null, claimed_until = null,
      changed_at = clock_timestamp(), blocked_at = clock_timestamp(), blocked_reason = g.wait->>'reason', -- a new state may begin with a pause
      due_at = case when woken_at > claimed_at then clock_timestamp()
                    else clock_timestamp() + make_interval(secs => coalesce((g.wait->>'seconds')::float8, 0)) end,
      facts = case when g.doc ? 'facts' then facts || (g.doc->'facts') else facts end, quoted_fen = coalesce((g.doc->>'quoted_fen')::bigint, quoted_fen),
      kind = coalesce((g.doc->>'kind')::renewal_kind, kind), client_ref = coalesce(g.doc->>'client_ref', client_ref)
    from good g where r.id = g.id and g.move is not null),
  rested as (
    update renewals r set claimed_until = null,
      attempts = case when g.wait->>'error' is null then 0 when blocked_reason = g.wait->>'reason' then attempts + 1 else 1 end,
      blocked_at = case when blocked_reason is distinct from g.wait->>'reason' then clock_timestamp() else blocked_at end,
      blocked_reason = g.wait->>'reason', last_error = g.wait->>'error',
      due_at = case when woken_at > claimed_at then clock_timestamp()
                    else clock_timestamp() + make_interval(secs => coalesce((g.wait->>'seconds')::float8, 0)) end,
      facts = case when g.doc ? 'facts' then facts || (g.doc->'facts') else facts end, quoted_fen = coalesce((g.doc->>'quoted_fen')::bigint, quoted_fen),
      kind = coalesce((g.doc->>'kind')::renewal_kind, kind), client_ref = coalesce(g.doc->>'client_ref', client_ref)
    from good g where r.id = g.id and g.move is null)
  select i.n, case when i.held_by is null then 'XQ404' when g.n is null then 'XQ409' end,
    case when i.held_by is null then format('there is no renewal %s', i.id)
         when i.held_by <> i.epoch then format('renewal %s is in other hands: lease %s has passed to %s', i.id, i.epoch, i.held_by)
         when g.n is null then format('renewal %s: lease %s was given back already', i.id, i.epoch) end
  from items i left join good g on g.n = i.n
$$;

-- Close the books on one step of one renewal, atomically: besides the plain members, open and close tasks and
-- what is opened once.  DOC's members are all optional; a wait without a move gives the lease back.
create function renewal_conclude(p_id bigint, p_epoch bigint, p_by text, p_doc jsonb) returns void
language plpgsql as $$
declare r renewals; t jsonb;
begin
  r := renewal_fenced(p_id, p_epoch);
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
  perform from conclude_plain(jsonb_build_array(jsonb_build_object('id', p_id, 'epoch', p_epoch, 'doc', p_doc)), p_by);
  -- after the move back to the gate: no later state may stand without its approval, not even for a moment
  if p_doc ? 'reprice' then perform conclude_reprice(p_id, r.campaign_id, p_doc->'reprice'); end if;
end $$;

-- The same for many: the plain ones as one set, the others one by one, each failing alone.  Everything is locked
-- in one order first, so that two workers and whoever wakes renewals never wait for each other.
create function renewals_conclude(p_items jsonb, p_by text) returns table (n int, failed text, why text)
language plpgsql as $$
declare i record; v_plain jsonb; v_places int[];
begin
  if not exists (select from jsonb_array_elements(p_items) x where not conclusion_is_plain(x->'doc')) then
    return query select c.n, c.failed, c.why from conclude_plain(p_items, p_by) c; -- most are: no second reading
    return;
  end if;
  perform from renewals r where r.id in (select (x->>'id')::bigint from jsonb_array_elements(p_items) x) order by r.id for update;
  for i in select x.place::int, (x.item->>'id')::bigint as id, (x.item->>'epoch')::bigint as epoch, x.item->'doc' as doc
      from jsonb_array_elements(p_items) with ordinality x(item, place)
      where not conclusion_is_plain(x.item->'doc') order by 2 loop
    n := i.place; failed := null; why := null;
    begin
      perform renewal_conclude(i.id, i.epoch, p_by, i.doc);
    exception when others then
      get stacked diagnostics failed = returned_sqlstate, why = message_text;
    end;
    return next;
  end loop;
  select jsonb_agg(x.item order by x.place), array_agg(x.place order by x.place) into v_plain, v_places
    from jsonb_array_elements(p_items) with ordinality x(item, place) where conclusion_is_plain(x.item->'doc');
  return query select v_places[c.n], c.failed, c.why from conclude_plain(coalesce(v_plain, '[]'), p_by) c;
end $$;

-- ---------------------------------------------------------------- pacing

-- When the day began at this site (its days are Beijing's), for daily caps.
create function site_day() returns timestamptz language sql stable as $$
  select date_trunc('day', clock_timestamp(), 'Asia/Shanghai')
$$;

-- Why the effect must wait for another day or hour; null: it need not.  The CA's row is locked while one is let in, so
-- that two workers do not both take the last place.  An intent that exists was counted.  A CA that contradicts itself
-- sends a renewal round in a circle: none has so many effects within an hour otherwise.
create function effect_over_cap(p_id bigint, p_op text) returns text language plpgsql as $$
declare r renewals; v_cap int; v_campaign int;
begin
  if not exists (select from effects where renewal_id = p_id and op = p_op and settled_at is null)
      and (select count(*) from effects where renewal_id = p_id and intended_at > clock_timestamp() - interval '1 hour') >= 60 then
    return 'going_round';
  end if;
  if p_op <> 'open' or exists (select from effects where renewal_id = p_id and op = p_op and settled_at is null) then
    return null;
  end if;
  select * into r from renewals where id = p_id;
  v_campaign := (select (policy->>'daily_cap')::int from campaigns where id = r.campaign_id);
  if v_campaign > 0 then
    perform from campaigns where id = r.campaign_id for no key update;
    if (select count(*) from effects e join renewals o on o.id = e.renewal_id
        where e.op = 'open' and e.intended_at >= site_day() and o.campaign_id = r.campaign_id) >= v_campaign then
      return 'daily_cap_campaign';
    end if;
  end if;
  select daily_cap into v_cap from cas where ca = r.ca and daily_cap is not null for no key update;
  if v_cap is not null and (select count(*) from effects e join renewals o on o.id = e.renewal_id
      where e.op = 'open' and e.intended_at >= site_day() and o.ca = r.ca) >= v_cap then
    return 'daily_cap_ca';
  end if;
  return null;
end $$;

-- The intents of many, each failing alone.  ITEMS: {id, epoch, op, attempt, key, spends, alone}.  Where a daily cap is
-- reached there is no intent but a reason to wait until the next day begins.
create function effects_intend(p_items jsonb)
returns table (n int, failed text, why text, attempt int, existed boolean, wait_reason text, wait_s bigint)
language plpgsql as $$
declare i record;
begin
  for i in select x.place::int, x.item from jsonb_array_elements(p_items) with ordinality x(item, place)
      order by (x.item->>'id')::bigint, x.place loop
    n := i.place; failed := null; why := null; attempt := null; existed := null; wait_reason := null; wait_s := null;
    begin
      perform renewal_fenced((i.item->>'id')::bigint, (i.item->>'epoch')::bigint);
      wait_reason := effect_over_cap((i.item->>'id')::bigint, i.item->>'op');
      if wait_reason is null then
        select e.attempt, e.existed into attempt, existed from effect_intend((i.item->>'id')::bigint, (i.item->>'epoch')::bigint,
          i.item->>'op', (i.item->>'attempt')::int, i.item->>'key', (i.item->>'spends')::boolean, coalesce((i.item->>'alone')::boolean, false)) e;
      else
        wait_s := case when wait_reason = 'going_round' then 3600 else ceil(extract(epoch from site_day() + interval '1 day' - clock_timestamp())) end;
      end if;
    exception when others then
      get stacked diagnostics failed = returned_sqlstate, why = message_text;
    end;
    return next;
  end loop;
end $$;

-- Running campaigns whose policy bounds how many of their renewals are worked on at once, and how many are: those under
-- a lease, all of which were due when they were claimed.
create function campaigns_bounded() returns table (id bigint, most int, taken bigint) language sql stable rows 10 as $$
  select c.id, (c.policy->>'concurrency')::int, count(r.id)
  from campaigns c left join renewals r on r.campaign_id = c.id and r.claimed_until >= now() and r.due_at <= now()
    and r.state not in ('planned', 'awaiting_approval', 'done', 'withdrawn', 'failed', 'refunded')
  where c.status = 'running' and c.policy ? 'concurrency' group by c.id
$$;

-- ---------------------------------------------------------------- the spend gate opens

-- Start what is approved and due: the renewals of running campaigns whose spend approval stands.
create function campaigns_start(p_limit int) returns int language sql as $$
  with due as materialized (
    select r.id, s.not_after from renewals r join campaigns c on c.id = r.campaign_id join certificate_sets s on s.id = r.set_id
    where r.state = 'awaiting_approval' and c.status = 'running' and c.start_at <= now()
      and r.spend_approval is not null and not is_held(s.unit_id, r.ca)
    order by s.not_after, r.id limit p_limit for update of r skip locked),
  written as (
    insert into journal (renewal_id, event, from_state, to_state, by, text)
    select id, 'spend_approved', 'awaiting_approval', 'binding', 'xuqid', 'approved, and the campaign runs' from due order by not_after, id),
  moved as (
    update renewals r set state = 'binding', version = version + 1, attempts = 0, blocked_reason = null, last_error = null,
      claimed_until = null, due_at = clock_timestamp(), changed_at = clock_timestamp(), blocked_at = clock_timestamp()
    from due where r.id = due.id returning r.id)
  select count(*)::int from moved
$$;
