-- Where a renewal leaves the straight road: bindings that are kept, a certificate that changed meanwhile,
-- money that came back or went out twice, withdrawal, refunds and credits, hints and notices.

create table bindings ( -- 绑定: which certificate the CA ties to which account, until it says otherwise
  set_id         bigint not null references certificate_sets,
  ca             text not null,
  certificate_id text not null, -- the CA's
  bound_at       timestamptz not null default now(),
  bound_by       bigint references people,
  account        text, -- which WeChat, as the person who scanned says
  primary key (set_id, ca)
);

create table credits ( -- a fee that the CA keeps without having renewed anything for it
  id         bigint generated always as identity primary key,
  renewal_id bigint not null constraint credits_one_per_renewal unique references renewals,
  set_id     bigint not null references certificate_sets,
  ca         text not null,
  order_id   bigint not null references payment_orders,
  amount_fen bigint not null constraint credits_amount check (amount_fen > 0),
  reason     text not null,
  state      text not null default 'open' constraint credits_state check (state in ('open', 'used', 'refunded')),
  used_by    bigint references renewals,
  made_at    timestamptz not null default now(),
  closed_at  timestamptz,
  constraint credits_closed check ((state = 'open') = (closed_at is null)),
  constraint credits_used_by check ((state = 'used') = (used_by is not null))
);

create table refunds ( -- 退款 that arrived
  renewal_id bigint primary key references renewals,
  amount_fen bigint not null constraint refunds_amount check (amount_fen > 0),
  refund_id  text, -- the CA's
  line_id    bigint constraint refunds_line_once unique references statement_lines, -- the bank's own record, where seen
  told_by    text not null, -- the bank, the CA, or a person's login
  arrived_at timestamptz not null default now()
);

create table returns ( -- 退汇: transfers that the bank gave back, each counted once
  order_id bigint primary key references payment_orders,
  line_id  bigint constraint returns_line_once unique references statement_lines, -- null: the CA said so
  debit_id bigint constraint returns_debit_once unique references statement_lines, -- the transfer; null: in no statement
  seen_at  timestamptz not null default now()
);

-- ---------------------------------------------------------------- bindings that are kept

-- The sets that one line of the phone's confirm page can mean: by issuer and serial where it shows them, else by
-- holder, service and day of expiry; a media number is compared only where both sides have one (-- is none).
create function sets_shown(p_cert jsonb) returns bigint[] language sql stable as $$
  select coalesce(array_agg(distinct s.id), '{}') from certificate_sets s
  left join certificates c on c.set_id = s.id
  where case when p_cert->>'serial' is not null and p_cert->>'issuer_sha256' is not null
      then c.serial = p_cert->>'serial' and c.issuer_sha256 = p_cert->>'issuer_sha256'
    else s.holder = p_cert->>'holder' and s.service = p_cert->>'service'
      and (s.not_after at time zone 'Asia/Shanghai')::date
        = ((p_cert->>'not_after')::timestamptz at time zone 'Asia/Shanghai')::date
      and (s.media_no is null or p_cert->>'media_no' is null or s.media_no = p_cert->>'media_no') end
$$;

-- Keep what one confirmed QR bound: every certificate that it listed and that can be only one of ours.  Siblings
-- that wait for a code of their own are woken: they have what they wait for.
create function bindings_keep(p_renewal bigint, p_list jsonb) returns void language plpgsql as $$
declare r renewals; c jsonb; v_sets bigint[]; v_bound bigint[] := '{}'; v_by bigint;
begin
  select * into r from renewals where id = p_renewal;
  select coalesce(r.handler_id, s.handler_id) into v_by from certificate_sets s where s.id = r.set_id;
  for c in select jsonb_array_elements(p_list) loop
    v_sets := sets_shown(c);
    if cardinality(v_sets) = 1 and c->>'id' is not null then
      insert into bindings (set_id, ca, certificate_id, bound_by, account) values (v_sets[1], r.ca, c->>'id', v_by, c->>'account')
      on conflict (set_id, ca) do update set certificate_id = excluded.certificate_id, bound_at = now(), bound_by = excluded.bound_by,
        account = excluded.account;
      v_bound := v_bound || v_sets[1];
    end if;
  end loop;
  perform renewals_wake(array(select id from renewals
    where set_id = any (v_bound) and ca = r.ca and state = 'binding' and id <> p_renewal));
end $$;

-- A person says which WeChat a renewal's certificate is bound to, and with it all that the same QR code bound; whoever
-- bound it anew (p_anew) is its owner from now on.
create function binding_account(p_renewal bigint, p_account text, p_anew bigint) returns void language sql as $$
  update bindings b set account = p_account, bound_by = coalesce(p_anew, b.bound_by), bound_at = case when p_anew is null then b.bound_at else now() end
  from renewals r join bindings mine on mine.set_id = r.set_id and mine.ca = r.ca
  where r.id = p_renewal and b.ca = mine.ca
    and (b.set_id = mine.set_id or (p_anew is null and b.account is null and (b.bound_at, b.bound_by) = (mine.bound_at, mine.bound_by)))
$$;

-- ---------------------------------------------------------------- money that is with the CA

create function order_of(p_renewal bigint) returns payment_orders language sql stable as $$
  select o from dues d join payment_orders o on o.id = d.order_id where d.renewal_id = p_renewal
$$;

-- May money have left for this renewal?  A file with its order is enough: only the bank knows what became of it.
create function is_paid(p_renewal bigint) returns boolean language sql stable as $$
  select coalesce((select o.status in ('exported', 'linked') or o.paid_at is not null or exists (
      select from links l where l.order_id = o.id and l.verdict <> 'dropped')
    from order_of(p_renewal) o where o.id is not null), false)
$$;

-- Cancel an order that nobody can have paid; anything else has changed meanwhile.
create function conclude_cancel_order(p_id bigint) returns void language plpgsql as $$
begin
  perform from payment_orders where id = (order_of(p_id)).id for update; -- a file or a match that is being made
  if is_paid(p_id) then
    raise exception 'renewal %: its payment order left meanwhile', p_id using errcode = 'XQ409';
  end if;
  update payment_orders set status = 'cancelled' where id = (order_of(p_id)).id and status = 'open';
end $$;

-- The bank gave the money back: the declaration is void and the due is open again, under a reference of its own, so
-- that no later line can be taken for the first transfer.
create function conclude_reopen_order(p_id bigint, p_doc jsonb) returns void language plpgsql as $$
declare v_old payment_orders := order_of(p_id); v_new bigint;
begin
  insert into returns (order_id, line_id, debit_id)
  values (v_old.id, returned_line(v_old), (select line_id from links where order_id = v_old.id and verdict <> 'dropped'))
  on conflict (order_id) do update set debit_id = excluded.debit_id; -- a debt, and then the CA took its approval back
  update links set verdict = 'dropped' where order_id = v_old.id and verdict <> 'dropped';
  update payment_orders set status = 'cancelled' where id = v_old.id;
  insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen, method)
  values (p_doc->>'reference', v_old.payer_account, v_old.payer_name, v_old.payee_name, v_old.payee_account,
    v_old.payee_bank, v_old.amount_fen, v_old.method) returning id into v_new;
  update dues set order_id = v_new where renewal_id = p_id and order_id = v_old.id;
  update match_flags set resolved_at = now() where order_id = v_old.id and rule = 'R6' and resolved_at is null;
end $$;

-- A fee that the CA keeps for another application belongs to somebody until it is used or refunded.
create function conclude_credit(p_id bigint, p_doc jsonb) returns void language sql as $$
  insert into credits (renewal_id, set_id, ca, order_id, amount_fen, reason)
  select r.id, r.set_id, r.ca, d.order_id, coalesce((p_doc->>'amount_fen')::bigint, d.amount_fen), p_doc->>'reason'
  from renewals r join dues d on d.renewal_id = r.id where r.id = p_id
  on conflict (renewal_id) do nothing
$$;

-- The new due is paid by the old transfer: never a second payment.
create function conclude_use_credit(p_id bigint, p_credit bigint) returns void language plpgsql as $$
declare c credits;
begin
  update credits set state = 'used', used_by = p_id, closed_at = now() where id = p_credit and state = 'open' returning * into c;
  if not found then
    raise exception 'credit % was used meanwhile', p_credit using errcode = 'XQ409';
  end if;
  insert into dues (renewal_id, order_id, amount_fen) values (p_id, c.order_id, c.amount_fen)
  on conflict (renewal_id) do update set order_id = excluded.order_id, amount_fen = excluded.amount_fen
    where exists (select from payment_orders o where o.id = dues.order_id and o.status = 'cancelled');
  if not found then
    raise exception 'renewal % has an order of its own to pay', p_id using errcode = 'XQ409';
  end if;
  perform tasks_close(c.renewal_id, array['credit'], 'done');
end $$;

-- What came back, and the bank's own line of it where there is one.
create function conclude_refund(p_id bigint, p_doc jsonb) returns void language plpgsql as $$
begin
  insert into refunds (renewal_id, amount_fen, refund_id, line_id, told_by)
  values (p_id, (p_doc->>'amount_fen')::bigint, p_doc->>'refund_id', (p_doc->>'line')::bigint, p_doc->>'told_by');
  update match_flags set resolved_at = now() where line_id = (p_doc->>'line')::bigint and resolved_at is null;
end $$;

-- The part of a conclusion that turns off the road (members of DOC, all optional).
create function conclude_turns(p_id bigint, p_doc jsonb) returns void language plpgsql as $$
begin
  if p_doc ? 'bound' then perform bindings_keep(p_id, p_doc->'bound'); end if;
  if p_doc ? 'unbound' then
    delete from bindings b using renewals r where r.id = p_id and b.set_id = r.set_id and b.ca = r.ca;
  end if;
  if p_doc ? 'cancel_order' then perform conclude_cancel_order(p_id); end if;
  if p_doc ? 'reopen_order' then perform conclude_reopen_order(p_id, p_doc->'reopen_order'); end if;
  if p_doc ? 'paid_at' then
    update payment_orders set paid_at = coalesce((p_doc->>'paid_at')::timestamptz, now()) where id = (order_of(p_id)).id;
  end if;
  if p_doc ? 'use_credit' then perform conclude_use_credit(p_id, (p_doc->>'use_credit')::bigint); end if;
  if p_doc ? 'credit' then perform conclude_credit(p_id, p_doc->'credit'); end if;
  if p_doc ? 'refund' then perform conclude_refund(p_id, p_doc->'refund'); end if;
  if p_doc ? 'never_paid' then
    update payment_orders set status = 'cancelled' where id = (order_of(p_id)).id and status in ('open', 'exported');
  end if;
  if p_doc ? 'leave' then -- nobody need do anything for it any more; what its money asks of finance is opened besides
    perform tasks_close(p_id, array(select kind from tasks where renewal_id = p_id and state = 'open'
      and kind not in ('paid_twice', 'debt', 'refund', 'credit', 'new_certificate')), 'cancelled');
  end if;
  if p_doc ? 'void_effects' then -- an application was left: what was asked of it, and never answered, is nothing for the next one
    update effects set settled_at = clock_timestamp(), outcome = 'void' where renewal_id = p_id and settled_at is null
      and op in ('agree', 'term', 'attach', 'intent', 'submit', 'resubmit') and op <> coalesce(p_doc->'settle'->>'op', '');
  end if;
  if p_doc ? 'drop_install' then
    update install_orders set state = 'closed' where renewal_id = p_id and state <> 'closed';
  end if;
end $$;

-- ---------------------------------------------------------------- what the stages see besides

create function certificate_facts(c certificates) returns jsonb language sql immutable as $$
  select jsonb_build_object('id', c.id::text, 'serial', c.serial, 'issuer_sha256', c.issuer_sha256, 'sha256', c.sha256,
    'role', c.role, 'spki_sha256', c.spki_sha256, 'subject_sha256', c.subject_sha256, 'not_after', c.not_after,
    'der_b64', translate(encode(c.der, 'base64'), E'\n', ''))
$$;

-- The credit that gives an order's transfer back (退汇 冲正 退票): flagged with the order's reference, or naming the
-- transfer by the bank's own serial.
create function returned_line(o payment_orders) returns bigint language sql stable as $$
  select min(n.id) from statement_lines n
  where n.direction = 'in' and n.amount_fen = o.amount_fen and n.own_account = o.payer_account
    and n.memo ~ '退汇|冲正|退票|RETURN' and (position(o.reference in upper(n.memo)) > 0 or exists (
      select from links l join statement_lines t on t.id = l.line_id
      where l.order_id = o.id and l.verdict <> 'dropped' and length(t.bank_serial) > 5 and position(t.bank_serial in n.memo) > 0))
    and not exists (select from returns x where x.line_id = n.id)
$$;

-- Does the bank's text speak of another order: by its reference, or by the serial of its transfer?
create function speaks_of_another(o payment_orders, p_memo text) returns boolean language sql stable as $$
  select exists (select from payment_orders x where x.id <> o.id and position(x.reference in upper(p_memo)) > 0)
    or exists (select from links l join statement_lines t on t.id = l.line_id
      where l.order_id <> o.id and l.verdict <> 'dropped' and length(t.bank_serial) > 5 and position(t.bank_serial in p_memo) > 0)
$$;

-- Credits of the bank that may be the refund of an order: from its payee, of its amount, taken by nobody, and not
-- another order's by their own words.
create function refund_lines(o payment_orders) returns jsonb language sql stable as $$
  select coalesce(jsonb_agg(jsonb_build_object('line', n.id::text, 'paid_at', n.paid_at, 'amount_fen', n.amount_fen, 'memo', n.memo,
      'named', position(o.reference in upper(n.memo)) > 0) order by n.id), '[]')
  from statement_lines n
  where n.direction = 'in' and n.amount_fen = o.amount_fen and n.own_account = o.payer_account
    and (n.party_account = o.payee_account or n.party_name = o.payee_name) and n.paid_at >= o.made_at - interval '1 day'
    and not exists (select from refunds f where f.line_id = n.id)
    and not exists (select from returns x where x.line_id = n.id)
    and not speaks_of_another(o, n.memo)
$$;

-- The handler of a renewal: who is asked to scan.
create function handler_of(r renewals) returns bigint language sql stable as $$
  select coalesce(r.handler_id, (select handler_id from certificate_sets where id = r.set_id))
$$;

-- Is no other QR code of R's handler alive, or perhaps alive?  One that R itself asked for must be asked about.
-- Looked for among the few codes that are out, not among all renewals that wait for one.
create function qr_is_free(r renewals) returns boolean language sql stable as $$
  with mine as materialized (select handler_of(r) as handler)
  select exists (select from effects e where e.renewal_id = r.id and e.op = 'bind' and e.settled_at is null)
    or not (exists (
      select from tasks k join renewals o on o.id = k.renewal_id, mine
      where k.kind = 'bind' and k.state = 'open' and k.secret is not null
        and o.state = 'binding' and o.id <> r.id and o.ca = r.ca and handler_of(o) = mine.handler)
    or exists (
      select from effects e join renewals o on o.id = e.renewal_id, mine
      where e.op = 'bind' and e.settled_at is null
        and o.state = 'binding' and o.id <> r.id and o.ca = r.ca and handler_of(o) = mine.handler))
$$;
create index renewals_wait_for_a_code on renewals (ca, old_not_after, id) where state = 'binding';

-- May a QR code be made for R now?  Never two live ones for one handler; of those that wait, what expires first.
create function qr_turn(r renewals) returns boolean language sql stable as $$
  with mine as materialized (select handler_of(r) as handler)
  select qr_is_free(r) and (exists (select from effects e where e.renewal_id = r.id and e.op = 'bind' and e.settled_at is null)
    or not exists (
    select from renewals o join certificate_sets s on s.id = o.set_id, mine
    where o.state = 'binding' and o.id <> r.id and o.ca = r.ca and coalesce(o.handler_id, s.handler_id) = mine.handler
      and (o.old_not_after, o.id) < (r.old_not_after, r.id) and coalesce(o.blocked_reason, 'handler_busy') = 'handler_busy'
      and not is_held(s.unit_id, o.ca)))
$$;

-- The next of R's handler; one that is looked at just now has no reason yet.
create function qr_wake_next(r renewals) returns void language sql as $$
  select renewals_wake(array(select o.id from renewals o
    where o.state = 'binding' and o.id <> r.id and coalesce(o.blocked_reason, 'handler_busy') = 'handler_busy'
      and handler_of(o) = handler_of(r)
    order by o.old_not_after, o.id limit 2))
$$;

-- A code that is scanned or has run out makes room for the next.
create function qr_next() returns trigger language plpgsql as $$
begin
  if old.secret is not null and new.secret is null then
    perform qr_wake_next(r) from renewals r where r.id = new.renewal_id;
  end if;
  return null;
end $$;
create trigger tasks_qr_next after update of secret on tasks for each row when (old.kind = 'bind') execute function qr_next();

-- And so does one that stood first in the line and leaves it without a code: bound already, refused, or asked about.
create function qr_left() returns trigger language plpgsql as $$
begin
  perform qr_wake_next(new);
  return null;
end $$;
create trigger renewals_qr_left after update of state, blocked_reason on renewals for each row
  when (old.state = 'binding' and coalesce(old.blocked_reason, 'handler_busy') = 'handler_busy'
    and (new.state <> 'binding' or new.blocked_reason not in ('handler_busy', 'binding')))
  execute function qr_left();

-- Joined to the document of renewal_load.
create function renewal_turns(r renewals) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'since', r.changed_at, 'now', clock_timestamp(), 'paid', is_paid(r.id),
    'qr_turn', case when r.state = 'binding' then qr_turn(r) end,
    'binding', (select jsonb_build_object('certificate_id', b.certificate_id, 'account', b.account)
      from bindings b where b.set_id = r.set_id and b.ca = r.ca),
    'issued', (select jsonb_agg(encode(sha256(decode(n->>'der_b64', 'base64')), 'hex'))
      from install_orders i, jsonb_array_elements(i.body->'new') n where i.renewal_id = r.id and i.state <> 'closed'),
    'newer', (select coalesce(jsonb_agg(certificate_facts(c) order by c.role = 'encrypt', c.id), '[]') from certificates c
      where c.set_id = r.set_id and c.not_after > r.old_not_after),
    'old', (select coalesce(jsonb_agg(certificate_facts(c) order by c.role = 'encrypt', c.id), '[]') from certificates c
      where c.set_id = r.set_id and c.not_after <= r.old_not_after and (c.replaced_by is null or exists (
        select from certificates n where n.id = c.replaced_by and n.not_after > r.old_not_after))),
    'leftover', (select x.facts->>'leftover' from renewals x
      where x.set_id = r.set_id and x.id < r.id and x.facts ? 'leftover' order by x.id desc limit 1),
    'payee', (select jsonb_build_object('name', o.payee_name, 'account', o.payee_account) from order_of(r.id) o),
    'party', (select jsonb_build_object('name', n.party_name, 'account', n.party_account) from links l
      join statement_lines n on n.id = l.line_id
      where l.order_id = (order_of(r.id)).id and l.verdict in ('auto', 'released')),
    'credit', (select jsonb_build_object('id', c.id::text, 'amount_fen', c.amount_fen,
        'transfer', o.status in ('exported', 'linked') or exists (
          select from links l where l.order_id = o.id and l.verdict <> 'dropped')) from credits c join payment_orders o on o.id = c.order_id
      where c.set_id = r.set_id and c.ca = r.ca and c.state = 'open' order by c.id limit 1),
    'returned', (select jsonb_build_object('line', n.id::text, 'amount_fen', n.amount_fen, 'paid_at', n.paid_at, 'memo', n.memo)
      from statement_lines n where n.id = returned_line(order_of(r.id))),
    'refund_lines', case when r.state = 'refunding' then refund_lines(order_of(r.id)) end)
$$;

-- ---------------------------------------------------------------- money seen in a statement

create function is_past_approval(p_state text) returns boolean language sql immutable as $$
  select p_state in ('approved', 'install_queued', 'installing', 'installed', 'quarantined', 'awaiting_invoice', 'disputed', 'done')
$$;

-- Its deadline is in working days, which xuqid counts: it hears of the task at once (tasks_tell).
create function money_task(p_renewal bigint, p_kind text, p_title text, p_instruction text, p_ignored text, p_line statement_lines)
returns void language plpgsql as $$
begin
  insert into journal (renewal_id, event, by, text) values (p_renewal, p_kind, 'xuqid', p_title);
  perform task_open(p_renewal, jsonb_build_object('kind', p_kind, 'role', 'finance', 'title', p_title, 'instruction', p_instruction,
    'if_ignored', p_ignored, 'needs', '["settled"]'::jsonb, 'values', (select jsonb_build_object('reference', o.reference, 'payee', o.payee_name, 'amount_fen', p_line.amount_fen,
      'paid_at', p_line.paid_at, 'bank_serial', p_line.bank_serial) from order_of(p_renewal) o)));
end $$;

create function debt_open(p_renewal bigint, p_line statement_lines) returns void language sql as $$
  select money_task(p_renewal, 'debt', '退汇: an approved renewal is not paid any more',
    'The bank gave back the transfer of this renewal after the CA had approved it. The renewal goes on; the fee is owed. Agree with '
    || 'the CA how it is paid now, pay it by a transfer of its own, and finish this task with settled=HOW.',
    'The CA may revoke the certificate.', p_line)
$$;

-- Money that left twice for one order: the first transfer pays it, the later is to come back.
create function flag_concerns() returns trigger language plpgsql as $$
declare v_renewal bigint; n statement_lines;
begin
  if new.rule = 'R7' and new.order_id is not null then
    select * into n from statement_lines where id = new.line_id;
    for v_renewal in select renewal_id from dues where order_id = new.order_id order by renewal_id loop
      perform money_task(v_renewal, 'paid_twice', 'One renewal was paid twice (重复付款)',
        'Two transfers left for one order. The first pays the renewal; ask the payee to refund the later one, and finish this task with '
        || 'settled=HOW once its credit is on a statement.', 'The second payment stays with the payee.', n);
    end loop;
  end if;
  return new;
end $$;
create trigger match_flags_concern after insert on match_flags for each row execute function flag_concerns();

-- A credit of an order's amount may be the refund that a renewal waits for, or its transfer that came back.  Before
-- the CA's approval the renewal's own step takes the due up again; afterwards nothing moves back: the fee is owed.
create function credit_concerns() returns trigger language plpgsql as $$
declare r record;
begin
  if new.direction <> 'in' then
    return new;
  end if;
  for r in select x.id, x.state, returned_line(o) = new.id as returned, o.reference from renewals x
      join dues d on d.renewal_id = x.id join payment_orders o on o.id = d.order_id
      where o.amount_fen = new.amount_fen and o.payer_account = new.own_account and o.status in ('exported', 'linked') order by x.id loop
    if r.returned and is_past_approval(r.state) then
      insert into returns (order_id, line_id) select o.id, new.id from order_of(r.id) o on conflict do nothing;
      perform debt_open(r.id, new);
    elsif r.returned or r.state = 'refunding' then
      perform renewals_wake(array[r.id]);
    end if;
  end loop;
  return new;
end $$;
create trigger statement_lines_concern after insert on statement_lines for each row execute function credit_concerns();

-- ---------------------------------------------------------------- what people ask for

-- The renewal that REF (its number or its certificate's serial) names, within the caller's scope.
create function renewal_named(p jsonb, p_ref text) returns renewals language plpgsql stable as $$
declare r renewals;
begin
  select v.* into r from renewals v join renewal_items i on i.id = v.id
    where (i.id::text = p_ref or i.serial = upper(p_ref)) and in_scope(i.unit_id, (p->>'unit')::bigint) order by i.id desc limit 1;
  if r.id is null then
    raise exception 'there is no renewal %', p_ref using errcode = 'XQ404';
  end if;
  return r;
end $$;

-- Why R cannot be withdrawn at present, and what to do; null: it can.  While an agent has a permit nobody knows what is on
-- the token; once it reported that it wrote nothing whole, the renewal can be left even as installing.
create function withdrawal_hindered(r renewals) returns text language sql stable as $$
  select case
    when o.state = 'permitted' then format('renewal %s: the agent of workstation %s has a permit for one use of the PIN and may be writing '
      'the token just now. Ask again once it has reported (xuqi renewal show %s); where it stays silent, finish its task of kind pin first',
      r.id, coalesce(w.name, '?'), r.id)
    when o.state = 'reported' and o.outcome = 'installed' then format('renewal %s: its certificate is on the token already: it cannot be withdrawn any more', r.id)
    when not exists (select from renewal_edges where from_state = r.state and event in ('withdrawn_by_person', 'withdrawn_paid'))
      and not (r.state = 'installing' and coalesce(o.state = 'reported', false))
      then format('renewal %s is %s: it cannot be withdrawn any more', r.id, r.state) end
  from (select) one left join install_orders o on o.renewal_id = r.id and o.state <> 'closed'
  left join tokens t on t.id = o.token_id left join workstations w on w.id = t.workstation_id
$$;

-- Withdraw: a dry run says what is lost, a commit asks the renewal's next step to do it (the CA must be told first).
create function renewal_withdraw(p jsonb, p_ref text, d jsonb) returns jsonb language plpgsql as $$
declare r renewals := renewal_named(p, p_ref); v_paid boolean; v_amount bigint; v_lost text;
begin
  select * into r from renewals where id = r.id for update;
  v_paid := is_paid(r.id);
  v_amount := (select amount_fen from dues where renewal_id = r.id);
  if coalesce(d->>'reason', '') = '' then
    raise exception 'a withdrawal wants a reason: add --reason TEXT' using errcode = 'P0001';
  elsif withdrawal_hindered(r) is not null then
    raise exception '%', withdrawal_hindered(r) using errcode = 'XQ409';
  elsif jsonb_typeof(r.facts->'withdraw') = 'object' then -- null once it was kept
    raise exception 'renewal % is being withdrawn already', r.id using errcode = 'XQ409';
  end if;
  v_lost := case when v_paid then format('%s yuan may have left for it: the renewal waits as refunding until they are back, credited, or proven never paid',
      to_char(v_amount / 100.0, 'FM9999999990.00'))
    when r.facts->>'application_id' is not null then 'its application at the CA; nothing was paid'
    else 'nothing: it was not applied for and not paid' end;
  if commits(d) then
    insert into journal (renewal_id, event, by, text) values (r.id, 'withdrawal_asked', p->>'login', personal_masked(d->'reason')#>>'{}');
    update renewals set facts = facts || jsonb_build_object('withdraw', jsonb_build_object('reason', d->>'reason', 'by', p->>'login', 'at', now()))
      -- no step of its own withdraws its draft at the CA: refunding does, or the next renewal
      || case when r.state = 'awaiting_approval' and r.facts->>'application_id' is not null
           then case when v_paid then '{"to_withdraw":true}' else jsonb_build_object('leftover', r.facts->>'application_id') end else '{}' end
      where id = r.id;
    if r.state = 'awaiting_approval' then -- no step of its own comes here
      perform conclude_turns(r.id, case when v_paid or order_of(r.id) is null then '{"leave":true}'::jsonb else '{"leave":true,"cancel_order":true}' end);
      perform renewal_move(r.id, case when v_paid then 'withdrawn_paid' else 'withdrawn_by_person' end,
        case when v_paid then 'refunding' else 'withdrawn' end, p->>'login', 'withdrawn: ' || (d->>'reason'));
    end if;
    perform renewals_wake(array[r.id]);
    perform audit_add(p->>'login', 'renewal.withdrawn', 'renewal:' || r.id, jsonb_build_object('reason', d->>'reason', 'paid', v_paid));
  end if;
  return jsonb_build_object('committed', commits(d), 'renewal', r.id, 'state', r.state, 'paid', v_paid, 'amount_fen', v_amount,
    'lost', v_lost, 'becomes', case when v_paid then 'refunding' else 'withdrawn' end);
end $$;

-- An SMS of the CA (短信): it wakes the renewal, which asks the CA itself; it never decides.  Long numbers, which may be
-- codes or telephone numbers, are not kept.
create function renewal_hint(p jsonb, p_ref text, d jsonb) returns jsonb language plpgsql as $$
declare r renewals := renewal_named(p, p_ref);
begin
  if coalesce(d->>'text', '') = '' then
    raise exception 'a hint wants its text: add --text TEXT' using errcode = 'P0001';
  elsif (select final from renewal_states where state = r.state) then
    raise exception 'renewal % has ended (%)', r.id, r.state using errcode = 'XQ409';
  end if;
  insert into journal (renewal_id, event, by, text)
    values (r.id, 'hint', p->>'login', left(regexp_replace(d->>'text', '[0-9]{4,}', '****', 'g'), 300));
  perform renewals_wake(array[r.id]);
  return jsonb_build_object('renewal', r.id, 'state', r.state, 'woken', true);
end $$;

-- ---------------------------------------------------------------- notices of the gateway

create table notices ( -- webhooks that were taken, so that one that comes again changes nothing
  id          text primary key,
  event       text not null,
  object      text not null, -- the CA's id of what it speaks of
  seq         bigint,
  received_at timestamptz not null default now()
);
create index notices_by_object on notices (object, seq);

-- A notice only wakes: the renewals that know its object ask the CA themselves.  One that came before, or that is older
-- than what was taken about the same object, is dropped.
create function notice_take(p_id text, p_event text, p_object text, p_seq bigint) returns text language plpgsql as $$
declare v_newer boolean;
begin
  select exists (select from notices where object = p_object and seq >= p_seq and p_seq > 0) into v_newer; -- 0: not said
  insert into notices (id, event, object, seq) values (p_id, p_event, p_object, p_seq) on conflict (id) do nothing;
  if not found then
    return 'again';
  elsif v_newer then
    return 'older';
  end if;
  perform renewals_wake(array(select id from renewals
    where p_object in (facts->>'application_id', facts->>'payment_id', facts->>'binding_id', facts->>'refund_id', facts->>'certificate_id')
      and state not in (select state from renewal_states where final)));
  if p_event like 'certificate.%' then -- asked about before its payment order leaves, however young the last answer is
    update renewals set facts = facts || '{"certificate_told":true}' where facts->>'certificate_id' = p_object
      and state not in (select state from renewal_states where final);
  end if;
  return 'woken';
end $$;
