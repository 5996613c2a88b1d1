-- After a restore the database is older than the world.  Nothing may start before a person has looked at it (a
-- hold that two people release), no renewal may act before the CA was asked where it stands, no payment file is
-- made before finance has looked for transfers, and no stored PIN is used before somebody vouches for it.

create table restores (
  id          bigint generated always as identity primary key,
  made_at     timestamptz not null, -- of the backup: everything later is unknown here
  sha256      text not null,        -- of the backup's list of contents
  restored_at timestamptz not null default clock_timestamp(),
  hold_id     bigint not null references holds,
  task_id     bigint not null references tasks, -- finance says that no transfer is unknown
  ended       jsonb, -- accesses that were revoked after the backup and are revoked again; null: nobody could say
  access_task bigint references tasks -- then an admin looks
);

create table restore_items ( -- the renewals whose place at the CA must be asked for
  renewal_id bigint primary key references renewals,
  restore_id bigint not null references restores,
  verdict    text constraint restore_items_verdict check (verdict in ('unchanged', 'adopted', 'person')), -- null: not asked yet
  text       text not null default '',
  asked      int not null default 0,
  settled_at timestamptz
);

create table restore_reports (agent_id bigint primary key references agents); -- agents that must report anew

create function restore_hears_report() returns trigger language plpgsql as $$
begin
  delete from restore_reports where agent_id = new.id;
  return null;
end $$;
create trigger agents_after_restore after update of agent_version on agents -- a report sets it, a poll does not
  for each row execute function restore_hears_report();

-- A renewal that the CA can be asked about now: one that waits for its approval cannot move anyway, and is asked about
-- once it may.
create function restore_is_due(r renewals) returns boolean language sql immutable as $$
  select r.spend_approval is not null and r.state not in ('planned', 'awaiting_approval')
$$;

-- ---------------------------------------------------------------- the moment of the restore

-- Ids that were given out after the backup are known outside (agents' journals, the CA's keys): none is given
-- out twice.
create function restore_skip_ids() returns void language plpgsql as $$
declare s record;
begin
  for s in select format('%I.%I', schemaname, sequencename) as name, coalesce(last_value, 1) as last from pg_sequences
           where schemaname = 'public' loop
    perform setval(s.name::regclass, s.last + 1000000);
  end loop;
end $$;

-- What an agent was about to do, or has done meanwhile: it is offered its order again and answers from its own
-- journal, without touching the token.
create function restore_offer_again() returns void language plpgsql as $$
declare v_id bigint;
begin
  for v_id in select renewal_id from install_orders where state = 'permitted' order by renewal_id loop
    update install_orders set state = 'queued' where renewal_id = v_id and state = 'permitted';
    perform renewal_move(v_id, 'install_waits', 'install_queued', 'restore', 'a backup was restored: the agent is asked again')
      from renewals where id = v_id and state = 'installing';
  end loop;
end $$;

-- Every token counts as tried with an unknown result.
create function restore_bar_pins(p_id bigint) returns void language sql as $$
  insert into pin_attempts (token_id, permit_ref, expires_at, outcome, reported_at)
  select t.id, format('restore-%s-%s', p_id, t.id), clock_timestamp(), 'unsure', clock_timestamp() from tokens t
  where not exists (select from pin_attempts a where a.token_id = t.id and a.cleared_at is null
    and (a.outcome is null or a.outcome in ('incorrect', 'unsure')))
$$;

create function restore_task(p_made_at timestamptz) returns bigint language sql as $$
  insert into tasks (kind, role, title, instruction, if_ignored, needs, values)
  values ('restored_payments', 'finance', 'A backup was restored: look for transfers that it does not know',
    format('The backup is of %s. Import the bank statements of every payer account up to now. Look for payment files and transfers made '
      'since then: an order that is paid must be matched (xuqi match list) before another file is made, for a second upload is a second '
      'payment. Then finish this task with checked=yes.', p_made_at),
    'No payment file is made.', '["checked"]', jsonb_build_object('since', p_made_at))
  returning id
$$;

-- Nobody knows here what was erased after the backup was made: a person has the register of requests.
create function restore_erasures_task() returns void language sql as $$
  insert into tasks (kind, role, title, instruction, if_ignored, needs, due_at, escalate_at)
  values ('restored_erasures', 'admin', 'A backup was restored: erase again what was erased since',
    'The replaced database could not say what was erased after the backup was made. Look into your register of requests (个人信息保护法 '
      'article 47), erase each person again (xuqi privacy erase --person LOGIN --commit), then finish this task with checked=yes.',
    'Personal data that was erased is here again, sealed and masked.', '["checked"]', now() + interval '1 day', now() + interval '2 days')
$$;

-- What the replaced database had erased (LIST: its privacy_erasures, null if it could not be asked) is erased here too,
-- in the transaction that loads the backup: before anybody can see it.  An open renewal is no reason to keep it, for
-- when it was erased there was none.
create function restore_erase(p_list jsonb) returns void language plpgsql as $$
declare m people;
begin
  if p_list->>'installation' is distinct from (select id from installation) then
    perform restore_erasures_task();
    return;
  end if;
  for m in select e.* from people e join jsonb_to_recordset(p_list->'asked') a(id bigint, login text) on (a.id, a.login) = (e.id, e.login)
      where coalesce(e.mobile, e.email, e.id_no) is not null or e.erased_at is null order by e.id loop
    perform person_forget('restore', 'at the request of the person, before the restore', m,
      array(select f.id from task_files f join tasks k on k.id = f.task_id where f.content is not null and m.id in (k.assignee_id, k.closed_by)),
      array(select id from tasks where m.id in (assignee_id, closed_by)));
  end loop;
  perform personal_erase('restore', 'erased before the restore',
    array(select f.id from task_files f join jsonb_to_recordset(p_list->'files') x(id bigint, mark text) on (x.id, x.mark) = (f.id, f.mark)),
    array(select k.id from tasks k join jsonb_to_recordset(p_list->'tasks') x(id bigint, kind text) on (x.id, x.kind) = (k.id, k.kind)),
    array(select e.id from people e join jsonb_to_recordset(p_list->'people') x(id bigint, login text) on (x.id, x.login) = (e.id, e.login)));
end $$;

-- Who and what has lost its access, as the database says that a restore replaces.
create function accesses_ended() returns jsonb language sql stable as $$
  select jsonb_build_object('installation', (select id from installation),
    'tokens', (select coalesce(jsonb_agg(jsonb_build_object('sha256', secret_sha256, 'at', revoked_at)), '[]') from api_tokens where revoked_at is not null),
    'agents', (select coalesce(jsonb_agg(jsonb_build_object('key', key_sha256, 'at', revoked_at)), '[]') from agents where revoked_at is not null),
    'codes', (select coalesce(jsonb_agg(jsonb_build_object('sha256', code_sha256, 'at', used_at)), '[]') from enrol_codes where used_at is not null))
$$;

-- A token or an agent that was revoked after the backup was made would be let in again: what the replaced database
-- says (LIST: its accesses_ended) is revoked here too.  Where it could not be asked, an admin looks through all that is
-- valid here before the hold is released.
create function restore_revoke(p_list jsonb) returns void language plpgsql as $$
declare v_tokens jsonb; v_agents jsonb; v_codes int; v_task bigint;
begin
  if p_list->>'installation' is distinct from (select id from installation) then
    insert into tasks (kind, role, title, instruction, if_ignored, needs, due_at, escalate_at)
    values ('restored_access', 'admin', 'A backup was restored: revoke again what was revoked since',
      'The replaced database could not say which API tokens and agents were revoked after the backup was made; they are valid again. Look '
        'through xuqi restore status and xuqi token list; revoke what must not be valid (xuqi token revoke ID, xuqi agent revoke ID); then finish '
        'this task with checked=yes.',
      'Whoever lost access since is let in again; the hold cannot be released.', '["checked"]', now() + interval '1 day', now() + interval '2 days')
    returning id into v_task;
    update restores set access_task = v_task where id = (select max(id) from restores);
    return;
  end if;
  with again as (update api_tokens t set revoked_at = x.at from jsonb_to_recordset(p_list->'tokens') x(sha256 text, at timestamptz), people m
      where t.secret_sha256 = x.sha256 and t.revoked_at is null and m.id = t.person_id returning t.id, m.login, t.role)
  select coalesce(jsonb_agg(jsonb_build_object('token', id, 'login', login, 'role', role) order by id), '[]') into v_tokens from again;
  with again as (update agents g set revoked_at = x.at from jsonb_to_recordset(p_list->'agents') x(key text, at timestamptz), workstations w
      where g.key_sha256 = x.key and g.revoked_at is null and w.id = g.workstation_id returning g.id, w.name)
  select coalesce(jsonb_agg(jsonb_build_object('agent', id, 'workstation', name) order by id), '[]') into v_agents from again;
  update enrol_codes c set used_at = x.at from jsonb_to_recordset(p_list->'codes') x(sha256 text, at timestamptz)
    where c.code_sha256 = x.sha256 and c.used_at is null;
  get diagnostics v_codes = row_count;
  update restores set ended = jsonb_build_object('tokens', v_tokens, 'agents', v_agents, 'codes', v_codes) where id = (select max(id) from restores);
  perform audit_add('restore', 'access.revoked_again', 'restore:' || max(id), max(ended::text)::jsonb) from restores where id = (select max(id) from restores);
end $$;

-- Called in the transaction that loads the backup.
create function restore_begin(p_made_at timestamptz, p_sha256 text) returns void language plpgsql as $$
declare v_hold bigint; v_id bigint;
begin
  perform restore_skip_ids();
  update renewals set claimed_until = null, due_at = least(due_at, clock_timestamp()) where claimed_until is not null;
  update tasks set state = 'cancelled', closed_at = clock_timestamp() where kind = 'restored_payments' and state = 'open';
  insert into holds (scope, reason) values ('all', 'restored from the backup made at ' || p_made_at) returning id into v_hold;
  insert into restores (made_at, sha256, hold_id, task_id) values (p_made_at, p_sha256, v_hold, restore_task(p_made_at))
    returning id into v_id;
  insert into restore_items (renewal_id, restore_id)
    select r.id, v_id from renewals r join renewal_states s on s.state = r.state where not s.final
    on conflict (renewal_id) do update set restore_id = v_id, verdict = null, settled_at = null, asked = 0, text = '';
  insert into restore_reports (agent_id) select id from agents where revoked_at is null on conflict do nothing;
  perform restore_bar_pins(v_id);
  perform restore_offer_again();
  perform audit_add('restore', 'restored', 'restore:' || v_id, jsonb_build_object('made_at', p_made_at, 'sha256', p_sha256));
end $$;

-- ---------------------------------------------------------------- what must wait

create function restore_guards_effects() returns trigger language plpgsql as $$
begin
  if exists (select from restore_items where renewal_id = new.renewal_id and verdict is null) then
    raise exception 'held: after the restore the CA was not asked about renewal % yet (xuqi restore status)', new.renewal_id
      using errcode = 'XQ409';
  end if;
  return new;
end $$;
create trigger effects_after_restore before insert or update of asked on effects
  for each row when (new.settled_at is null) execute function restore_guards_effects();

create function restore_guards_payments() returns trigger language plpgsql as $$
begin
  if exists (select from tasks where kind = 'restored_payments' and state = 'open') then
    raise exception 'a backup was restored: finance must first look for transfers that it does not know (xuqi task list --kind restored_payments)'
      using errcode = 'XQ409';
  end if;
  return new;
end $$;
create trigger payment_files_after_restore before insert on payment_files
  for each row execute function restore_guards_payments();

create function restore_guards_hold() returns trigger language plpgsql as $$
declare v_left int;
begin
  select count(*) into v_left from restores s join restore_items i on i.restore_id = s.id join renewals r on r.id = i.renewal_id
    where s.hold_id = new.id and i.verdict is null and restore_is_due(r);
  if v_left > 0 then
    raise exception 'the CA was not asked about % renewals yet: wait for xuqi restore status', v_left using errcode = 'XQ409';
  elsif exists (select from restores s join tasks k on k.id = s.access_task where s.hold_id = new.id and k.state = 'open') then
    raise exception 'tokens that were revoked since the backup may be valid again: an admin looks first (xuqi task list --kind restored_access)'
      using errcode = 'XQ409';
  end if;
  return new;
end $$;
create trigger holds_after_restore before update of released_at on holds
  for each row when (new.released_at is not null) execute function restore_guards_hold();

-- The agent's own journal proves that the PIN was right when it was presented: its result clears the bar.
create function restore_proves_pin() returns trigger language plpgsql as $$
begin
  update pin_attempts set outcome = 'accepted', cleared_at = clock_timestamp()
    where token_id = new.token_id and order_id is null and cleared_at is null and permit_ref like 'restore-%';
  return null;
end $$;
create trigger install_orders_after_restore after update of result on install_orders
  for each row when (new.outcome = 'installed' and new.result->>'login_attempted' = 'true') execute function restore_proves_pin();

-- ---------------------------------------------------------------- what the CA knows is adopted

-- The shortest way along the table from one state to another by what a renewal does when all goes well; null
-- if there is none.
create function restore_way(p_from text, p_to text) returns text[] language sql stable as $$
  with recursive way (state, steps) as (
    select p_from, array[]::text[]
    union all
    select e.to_state, w.steps || array[e.event, e.to_state] from way w join renewal_edges e on e.from_state = w.state
    where cardinality(w.steps) < 30 and w.state <> p_to and e.guard in ('', 'apply_first')
      and e.event in ('binding_confirmed', 'application_opened', 'attachments_needed', 'intent_needed', 'application_submitted',
        'payment_verified', 'review_begun', 'review_approved', 'install_ordered', 'permit_given', 'install_proven', 'install_reported'))
  select steps from way where state = p_to order by cardinality(steps) limit 1
$$;

-- The state of ours that an application at the CA stands for; beyond `paid` our own steps only read.
create function restore_state_of(a jsonb, p_touch boolean) returns text language sql immutable as $$
  select case
    when a->>'state' in ('draft') then case
      when a->'required' ?| array['agreement', 'term'] then 'drafting'
      when a->'required' ? 'attachments' then 'awaiting_attachments'
      else 'awaiting_intent' end
    when a->>'state' in ('awaiting_payment', 'payment_verifying') then 'submitted'
    when a->>'state' = 'installed' and p_touch then 'awaiting_invoice'
    when a->>'state' in ('paid', 'in_review', 'correction_required', 'approved', 'issuing', 'issued', 'installed', 'rejected', 'blocked')
      then 'paid' end
$$;

-- The CA has the money: the order, if the backup knows none, is kept as paid and never exported.
create function restore_paid(r renewals, p_doc jsonb) returns void language plpgsql as $$
declare v_order bigint; v_payer payer_accounts;
begin
  v_order := (order_of(r.id)).id;
  if v_order is null then
    select a.* into v_payer from payer_accounts a join certificate_sets s on s.legal_entity_id = a.legal_entity_id
      where s.id = r.set_id order by a.id limit 1;
    insert into payment_orders (reference, payer_account, payer_name, payee_name, payee_account, payee_bank, amount_fen)
    values (p_doc->>'reference', coalesce(v_payer.account, ''), coalesce(v_payer.name, ''), p_doc->>'payee_name', p_doc->>'payee_account',
      p_doc->>'payee_bank', coalesce((p_doc#>>'{application,amount,amount_fen}')::bigint, r.approved_fen)) returning id into v_order;
    insert into dues (renewal_id, order_id, amount_fen) select r.id, v_order, amount_fen from payment_orders where id = v_order;
  end if;
  update payment_orders set status = 'linked', paid_at = coalesce(paid_at, clock_timestamp()) where id = v_order and status <> 'cancelled';
end $$;

create function restore_facts(a jsonb) returns jsonb language sql immutable as $$
  select jsonb_strip_nulls(jsonb_build_object('application_id', a->'id', 'certificate_id', a->'certificate_id', 'payment_id', a->'payment_id',
    'quote_expires_at', a->'quote_expires_at', 'term', a->'term'->'years',
    'agreed', case when a->>'state' <> 'draft' or not a->'required' ? 'agreement' then true end,
    'intent', case when a->>'state' <> 'draft' or not a->'required' ? 'intent' then true end,
    'attached', jsonb_array_length(coalesce(nullif(a->'attachments', 'null'), '[]'))))
$$;

-- What was asked under a client_ref and is there: settled, so that the next attempt is a new one.
create function restore_settle_found(p_id bigint, p_found jsonb) returns void language sql as $$
  insert into effects (renewal_id, op, attempt, key, settled_at, outcome)
  select p_id, f->>'op', (f->>'attempt')::int, f->>'key', clock_timestamp(), f->>'outcome' from jsonb_array_elements(p_found) f
  on conflict (renewal_id, op, attempt) do update set settled_at = coalesce(effects.settled_at, excluded.settled_at),
    outcome = coalesce(effects.outcome, excluded.outcome)
$$;

create function restore_walk(r renewals, p_way text[], p_text text) returns void language plpgsql as $$
begin
  for i in 1 .. cardinality(p_way) / 2 loop
    perform renewal_move(r.id, p_way[2 * i - 1], p_way[2 * i], 'restore', p_text);
  end loop;
  if cardinality(p_way) > 0 then
    perform tasks_close(r.id, array(select kind from tasks where renewal_id = r.id and state = 'open'), 'cancelled');
    update effects set settled_at = clock_timestamp(), outcome = 'done' where renewal_id = r.id and settled_at is null;
  end if;
end $$;

-- A person must look at the CA; until the task is done the renewal does nothing.
create function restore_ask_person(p_id bigint, p_text text) returns void language sql as $$
  select task_open(p_id, jsonb_build_object('kind', 'renewal', 'role', 'operator', 'title', 'A backup was restored: look where this renewal stands',
    'instruction', p_text || ' Look at the CA what became of it, put it right there, then finish this task with retry=yes.',
    'if_ignored', 'The renewal stays where it is and its certificate may expire.', 'needs', jsonb_build_array('retry')))
$$;

create function restore_settle(p_id bigint, p_verdict text, p_text text) returns void language sql as $$
  update restore_items set verdict = p_verdict, text = p_text, settled_at = clock_timestamp(), asked = asked + 1 where renewal_id = p_id
$$;

-- Take over what the CA says of one renewal.  DOC: application (its view at the CA, or null), binding_id, found (what
-- was met under our client_refs), person (why only a person can tell), and for a new order reference and payee.
create function restore_adopt(p_id bigint, p_doc jsonb) returns text language plpgsql as $$
declare r renewals; a jsonb := nullif(p_doc->'application', 'null'); v_state text; v_way text[]; v_price bigint; v_text text;
begin
  select * into r from renewals where id = p_id for update;
  if not exists (select from restore_items where renewal_id = p_id and verdict is null) then
    return 'settled';
  end if;
  -- whoever held it before can finish nothing any more
  update renewals set epoch = nextval('lease_epoch'), claimed_until = null where id = p_id;
  perform restore_settle_found(p_id, coalesce(p_doc->'found', '[]'));
  v_state := restore_state_of(a, r.touch_approval is not null);
  v_price := coalesce((a#>>'{amount,amount_fen}')::bigint, (a#>>'{term,price_fen}')::bigint);
  if p_doc->>'person' is not null or (a is not null and v_state is null) or v_price > r.approved_fen then
    v_text := coalesce(p_doc->>'person', format('The CA''s application %s is %s%s.', a->>'id', a->>'state',
      case when v_price > r.approved_fen then ' at a price above the approved one' else '' end));
    perform restore_ask_person(p_id, v_text);
    perform restore_settle(p_id, 'person', v_text);
    return 'person';
  end if;
  if p_doc->>'binding_id' is not null then
    update renewals set facts = facts || jsonb_build_object('binding_id', p_doc->'binding_id') where id = p_id;
  end if;
  if a is null then
    perform restore_settle(p_id, 'unchanged', 'the CA knows nothing newer');
    return 'unchanged';
  end if;
  update renewals set facts = facts || restore_facts(a), client_ref = coalesce(a->>'client_ref', client_ref),
    quoted_fen = coalesce(v_price, quoted_fen) where id = p_id;
  v_way := restore_way(r.state, v_state);
  v_text := format('adopted after a restore: the CA''s application %s is %s', a->>'id', a->>'state');
  if r.touch_approval is null and a->>'state' = 'installed' then
    v_text := v_text || '; the approval to touch its token is younger than the backup: give it again (xuqi campaign approve --gate touch). '
      'Nothing is written twice: the agent finds the new certificate on the token';
  end if;
  perform restore_walk(r, coalesce(v_way, '{}'), v_text);
  if v_state in ('paid', 'awaiting_invoice') then perform restore_paid(r, p_doc); end if;
  if v_state = 'awaiting_invoice' then update install_orders set state = 'closed' where renewal_id = p_id and state <> 'closed'; end if;
  perform restore_settle(p_id, case when cardinality(coalesce(v_way, '{}')) > 0 then 'adopted' else 'unchanged' end, v_text);
  return case when cardinality(coalesce(v_way, '{}')) > 0 then 'adopted' else 'unchanged' end;
end $$;
