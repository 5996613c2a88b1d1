-- The fleet, its renewals, the money and the people.  Money is bigint fen (分), time is timestamptz.
-- Constraints carry names: they appear in the messages that people read.

create table installation (
  only_one boolean primary key default true constraint installation_is_one check (only_one),
  id       text not null default replace(gen_random_uuid()::text, '-', ''),
  made_at  timestamptz not null default now()
);
insert into installation default values;

-- ---------------------------------------------------------------- organisation and people

create table legal_entities ( -- 单位 (法人)
  id            bigint generated always as identity primary key,
  name          text not null,
  uscc          text not null constraint legal_entities_uscc_once unique
                constraint legal_entities_uscc_has_18 check (uscc ~ '^[0-9A-Z]{18}$'), -- 统一社会信用代码, GB 32100
  tax_id        text not null,
  invoice_title text not null -- 发票抬头
);

create table payer_accounts ( -- 付款账户: corporate accounts only (guide chapter 3)
  id              bigint generated always as identity primary key,
  legal_entity_id bigint not null references legal_entities,
  account         text not null constraint payer_accounts_account_once unique,
  name            text not null,
  bank            text not null
);

create table units ( -- 部门
  id              bigint generated always as identity primary key,
  legal_entity_id bigint not null references legal_entities,
  parent_id       bigint references units,
  name            text not null constraint units_name_once unique,
  path            text not null default '' -- /1/4/: the ids from the top down to itself
);

create function units_set_path() returns trigger language plpgsql as $$
begin
  new.path := coalesce((select path from units where id = new.parent_id), '/') || new.id || '/';
  return new;
end $$;
create trigger units_path before insert or update of parent_id on units
  for each row execute function units_set_path();

create table people ( -- mobile, email and id_no are sealed (0014_privacy.sql); null: not given, or erased
  id         bigint generated always as identity primary key,
  login      text not null constraint people_login_once unique, -- never changes: what is sealed is bound to it
  name       text not null,
  mobile     text,
  email      text,
  id_type    text constraint people_id_type
             check (id_type in ('id_card', 'passport', 'hk_macau_permit', 'taiwan_permit', 'residence_permit')),
  id_no      text,
  mobile_key text, -- keyed digests: what equality is asked by
  id_no_key  text constraint people_id_no_once unique,
  marks      jsonb not null default '{}', -- salted digest of each value ever given; outlives the value
  erased_at  timestamptz
);

create type person_role as enum ('operator', 'finance', 'approver', 'handler', 'auditor', 'admin');

create table api_tokens (
  id            bigint generated always as identity primary key,
  person_id     bigint not null references people,
  role          person_role not null,
  unit_id       bigint references units, -- the scope; null: every unit
  secret_sha256 text not null constraint api_tokens_secret_once unique,
  made_at       timestamptz not null default now(),
  expires_at    timestamptz not null,
  revoked_at    timestamptz
);

create table handlers ( -- 经办人: who may state intent for a legal entity, and until when (授权委托书)
  person_id        bigint not null references people,
  legal_entity_id  bigint not null references legal_entities,
  authorised_until date,
  primary key (person_id, legal_entity_id)
);

-- Today where the offices are.
create function office_day() returns date language sql stable as $$
  select (now() at time zone 'Asia/Shanghai')::date
$$;

-- The day of an instant there.
create function day_of(p_at timestamptz) returns date language sql stable as $$
  select (p_at at time zone 'Asia/Shanghai')::date
$$;

-- True while PERSON may act as handler (经办人) for the legal entity: a 授权委托书 that has not run out by UNTIL.
create function is_authorised(p_person bigint, p_entity bigint, p_until date) returns boolean language sql stable as $$
  select exists (select from handlers where person_id = p_person and legal_entity_id = p_entity
    and coalesce(authorised_until, 'infinity') >= p_until)
$$;

create table leaves ( -- 休假: who stands in for a person, first and last day included (Asia/Shanghai)
  id        bigint generated always as identity primary key,
  person_id bigint not null references people,
  deputy_id bigint not null references people,
  from_on   date not null,
  until_on  date not null,
  set_by    bigint not null references people,
  set_at    timestamptz not null default now(),
  ended_at  timestamptz, -- called off, or replaced by a later one
  constraint leaves_deputy_is_another check (deputy_id <> person_id),
  constraint leaves_end_after_they_begin check (until_on between from_on and from_on + 366)
);
create index leaves_by_person on leaves (person_id, id) where ended_at is null;

-- Who acts for PERSON today; null while nobody need.  A deputy on leave has a deputy too, three deep at most.
create function deputy_of(p_person bigint) returns bigint language plpgsql stable as $$
declare v_now bigint := p_person; v_next bigint;
begin
  for i in 1..3 loop
    select deputy_id into v_next from leaves
      where person_id = v_now and ended_at is null and office_day() between from_on and until_on order by id desc limit 1;
    exit when v_next is null or v_next = p_person;
    v_now := v_next;
  end loop;
  return nullif(v_now, p_person);
end $$;

-- Who stood in for PERSON last, on leave or not: told first when PERSON lets a deadline pass.
create function standing_deputy(p_person bigint) returns bigint language sql stable as $$
  select deputy_id from leaves where person_id = p_person order by id desc limit 1
$$;

-- True when UNIT lies in SCOPE; a null scope is every unit.
create function in_scope(p_unit bigint, p_scope bigint) returns boolean language sql stable as $$
  select p_scope is null or exists (
    select from units u join units s on s.id = p_scope where u.id = p_unit and u.path like s.path || '%')
$$;

-- ---------------------------------------------------------------- workstations, agents, tokens, certificates

create table workstations ( -- 电脑
  id             bigint generated always as identity primary key,
  name           text not null constraint workstations_name_once unique,
  unit_id        bigint not null references units,
  place          text not null default '',
  client_version text, -- 主程序版本号; null: unknown
  client_version_source text
);

create table agents (
  id              bigint generated always as identity primary key,
  workstation_id  bigint not null references workstations,
  key_sha256      text not null constraint agents_key_once unique, -- of the certificate's public key
  serial          text not null,
  hostname        text not null default '',
  agent_version   text,
  enrolled_at     timestamptz not null default now(),
  last_seen_at    timestamptz,
  revoked_at      timestamptz
);
create unique index agents_one_per_workstation on agents (workstation_id) where revoked_at is null;

create table enrol_codes (
  id             bigint generated always as identity primary key,
  code_sha256    text not null constraint enrol_codes_code_once unique,
  workstation_id bigint not null references workstations,
  made_by        bigint not null references people,
  expires_at     timestamptz not null,
  used_at        timestamptz
);

create table tokens ( -- U-KEY / 介质
  id             bigint generated always as identity primary key,
  serial         text not null constraint tokens_serial_once unique,
  label          text not null default '',
  model          text not null default '',
  manufacturer   text not null default '',
  workstation_id bigint references workstations, -- where it was seen last
  present        boolean not null default false,
  seen_at        timestamptz,
  free_bytes     bigint,
  pin_flags      jsonb not null default '{}',
  stored_pin     boolean not null default false,
  consent        jsonb -- the custodian's dated opt-in for unattended use
);

create table certificate_sets ( -- 签名 + 加密证书: the unit of a renewal, one fee
  id              bigint generated always as identity primary key,
  holder          text not null,            -- 证书用户
  uscc            text not null default '',
  service         text not null default '', -- 服务名称
  media_no        text,                     -- 介质编号: can be missing, never a key
  not_after       timestamptz not null,
  unit_id         bigint references units,
  legal_entity_id bigint references legal_entities,
  handler_id      bigint references people,
  custodian       text not null default '', -- 保管人
  place           text not null default '',
  token_id        bigint references tokens,
  source          text not null constraint certificate_sets_source check (source in ('import', 'agent', 'both'))
);
create index certificate_sets_by_expiry on certificate_sets (not_after, id);
create index certificate_sets_by_holder on certificate_sets (holder, service);

create type certificate_role as enum ('sign', 'encrypt', 'both');

create table certificates ( -- identified by (issuer DN, serial)
  id             bigint generated always as identity primary key,
  set_id         bigint not null references certificate_sets,
  token_id       bigint references tokens,
  issuer_sha256  text not null,
  serial         text not null,
  sha256         text not null constraint certificates_der_once unique,
  role           certificate_role not null,
  issuer         text not null,
  subject        text not null,
  subject_sha256 text not null,
  spki_sha256    text not null,
  key_type       text not null,
  not_before     timestamptz not null,
  not_after      timestamptz not null,
  der            bytea not null,
  label          text not null default '',
  seen_at        timestamptz not null default now(),
  replaced_by    bigint references certificates,
  constraint certificates_issuer_serial_once unique (issuer_sha256, serial)
);
create index certificates_by_set on certificates (set_id);
create index certificates_by_serial on certificates (serial);

-- ---------------------------------------------------------------- campaigns and approvals

create table campaigns ( -- 批次
  id            bigint generated always as identity primary key,
  name          text not null constraint campaigns_name_once unique,
  status        text not null default 'draft'
                constraint campaigns_status check (status in ('draft', 'running', 'finished')),
  policy_name   text not null,
  policy        jsonb not null,
  policy_sha256 text not null,
  plan          jsonb not null, -- exactly what is shown and signed: rows, prices, payee, agreement
  digest        text not null,  -- SHA-256 of the plan's canonical form
  created_by    bigint not null references people,
  created_at    timestamptz not null default now(),
  start_at      timestamptz,
  unique (id, created_by)
);

create type gate as enum ('spend', 'touch'); -- money leaves · a token is written

create table approvals (
  id           bigint generated always as identity primary key,
  campaign_id  bigint not null,
  gate         gate not null,
  digest       text not null,
  requester_id bigint not null,
  approver_id  bigint not null references people,
  agreement_sha256 text, -- the agreement (电子认证协议) of the plan that was signed; set by the trigger
  approved_at  timestamptz not null default now(),
  constraint approvals_requester_is_the_creator
    foreign key (campaign_id, requester_id) references campaigns (id, created_by),
  constraint approvals_not_by_the_requester check (approver_id <> requester_id),
  constraint approvals_whole unique (id, campaign_id, gate),
  constraint approvals_once unique (campaign_id, gate, digest, approver_id)
);

create function approvals_digest_is_current() returns trigger language plpgsql as $$
begin
  if new.digest is distinct from (select digest from campaigns where id = new.campaign_id) then
    raise exception 'the plan of campaign % is not the one that was shown: look at it again (xuqi campaign show %) and approve its present digest',
      new.campaign_id, new.campaign_id using errcode = 'XQ409';
  end if;
  new.agreement_sha256 := (select plan->>'agreement_sha256' from campaigns where id = new.campaign_id);
  return new;
end $$;
create trigger approvals_digest before insert on approvals
  for each row execute function approvals_digest_is_current();
create function never_changes() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'XQ403';
end $$;
create trigger approvals_append_only before update or delete on approvals
  for each row execute function never_changes();
create trigger approvals_no_truncate before truncate on approvals
  for each statement execute function never_changes();

-- ---------------------------------------------------------------- renewals

create table renewal_states (state text primary key, final boolean not null);
create table renewal_edges (
  from_state text not null references renewal_states,
  event      text not null,
  to_state   text not null references renewal_states,
  guard      text not null default '', -- the capability without which a connector has not this edge
  primary key (from_state, event, guard),
  constraint renewal_edges_whole unique (from_state, event, to_state)
);
-- What the timeline of a renewal tells besides its moves.
create table journal_notes (
  event text primary key,
  says  text not null
);
-- The pairs that an update of renewals.state may make.
create table renewal_moves (
  from_state text not null references renewal_states,
  to_state   text not null references renewal_states,
  primary key (from_state, to_state)
);

create type renewal_kind as enum ('expiring', 'expired'); -- 临期 · 过期

create sequence lease_epoch;

create table renewals (
  id             bigint generated always as identity primary key,
  campaign_id    bigint not null references campaigns,
  set_id         bigint not null references certificate_sets,
  handler_id     bigint references people,
  ca             text not null, -- whose connector speaks: of the policy, kept for the renewal's life
  kind           renewal_kind not null,
  state          text not null default 'planned',
  came_from      text not null default 'planned',
  -- the plan, the approval, the CA's price
  old_not_after  timestamptz not null, -- of the certificates that are renewed, when planned: what ends later came later
  term_years     int not null constraint renewals_term check (term_years between 1 and 10),
  approved_fen   bigint not null constraint renewals_price_is_positive check (approved_fen > 0),
  quoted_fen     bigint,
  spend_approval bigint, -- of this campaign and of this gate: see the foreign keys
  touch_approval bigint,
  spend_gate     gate not null generated always as ('spend') stored,
  touch_gate     gate not null generated always as ('touch') stored,
  client_ref     text,
  facts          jsonb not null default '{}', -- the CA's ids and answers
  -- scheduling: claimed under a lease with a fence; woken_at keeps a wake-up that comes meanwhile
  version        bigint not null default 1,
  epoch          bigint not null default 0,
  claimed_at     timestamptz,
  claimed_until  timestamptz,
  woken_at       timestamptz not null default now(),
  due_at         timestamptz not null default 'infinity',
  attempts       int not null default 0,
  blocked_reason text,
  blocked_at     timestamptz not null default now(), -- since when for this reason
  last_error     text,
  made_at        timestamptz not null default now(),
  changed_at     timestamptz not null default now(),
  constraint renewals_moves_along_the_table
    foreign key (came_from, state) references renewal_moves (from_state, to_state),
  constraint renewals_spend_approval_is_of_the_spend_gate
    foreign key (spend_approval, campaign_id, spend_gate) references approvals (id, campaign_id, gate),
  constraint renewals_touch_approval_is_of_the_touch_gate
    foreign key (touch_approval, campaign_id, touch_gate) references approvals (id, campaign_id, gate),
  -- no submission or later without the money approved for it
  constraint renewals_spend_is_approved check (
    spend_approval is not null or state in ('planned', 'awaiting_approval', 'withdrawn', 'failed', 'refunding', 'refunded')),
  constraint renewals_touch_is_approved check (
    touch_approval is not null or state not in ('install_queued', 'installing', 'installed',
      'awaiting_invoice', 'done', 'quarantined')),
  constraint renewals_quote_is_approved check (
    quoted_fen is null or quoted_fen <= approved_fen)
) with (fillfactor = 70); -- a claim changes nothing that is indexed: room for it on the same page (HOT)
create unique index renewals_one_open_per_set on renewals (set_id)
  where state not in ('done', 'withdrawn', 'failed', 'refunded');
create unique index renewals_client_ref_once on renewals (client_ref) where client_ref is not null;
create index renewals_due on renewals (due_at)
  where state not in ('planned', 'awaiting_approval', 'done', 'withdrawn', 'failed', 'refunded');
create index renewals_by_campaign on renewals (campaign_id, id);
create index renewals_by_set on renewals (set_id, id);

create function renewals_remember_origin() returns trigger language plpgsql as $$
begin
  new.came_from := case when tg_op = 'INSERT' then 'planned' else old.state end; -- a renewal begins at the beginning
  return new;
end $$;
create trigger renewals_origin before insert or update of state, came_from on renewals
  for each row execute function renewals_remember_origin();

create table journal ( -- what happened to each renewal, in order; moves only along the table
  id         bigint generated always as identity primary key,
  renewal_id bigint not null references renewals,
  at         timestamptz not null default clock_timestamp(),
  event      text not null,
  from_state text,
  to_state   text,
  by         text not null,
  text       text not null default '',
  constraint journal_moves_whole check ((from_state is null) = (to_state is null))
  -- and journal_moves_along_the_table, journal_notes_are_declared: made of the tables of edges and notes (journal_allow)
);
create index journal_by_renewal on journal (renewal_id, id);
create trigger journal_append_only before update or delete on journal
  for each row execute function never_changes();
create trigger journal_no_truncate before truncate on journal
  for each statement execute function never_changes();

create function renewals_move_is_journaled() returns trigger language plpgsql as $$
begin
  if new.state is distinct from (select to_state from journal where renewal_id = new.id and to_state is not null order by id desc limit 1) then
    raise exception 'renewal %: no move to % without its line in the journal', new.id, new.state using errcode = 'XQ403';
  end if;
  return null;
end $$;
create trigger renewals_journaled after update of state on renewals
  for each row execute function renewals_move_is_journaled();

-- An outside effect: its intent and key are durable before it, its outcome after it.
create table effects (
  id          bigint generated always as identity primary key,
  renewal_id  bigint not null references renewals,
  op          text not null,
  attempt     int not null,
  key         text not null constraint effects_key_once unique,
  intended_at timestamptz not null default clock_timestamp(),
  asked       int not null default 0, -- how often the outside was asked what became of it
  settled_at  timestamptz,
  outcome     text constraint effects_outcome check (outcome in ('done', 'pending', 'need_human', 'refused', 'void')),
  answer      jsonb,
  constraint effects_attempt_once unique (renewal_id, op, attempt)
);
create unique index effects_one_unsettled on effects (renewal_id, op) where settled_at is null;
create index effects_opened on effects (intended_at) where op = 'open'; -- what counts against the daily caps

-- ---------------------------------------------------------------- money

create table payment_files (
  id        bigint generated always as identity primary key,
  sha256    text not null constraint payment_files_content_once unique,
  content   bytea not null,
  count     int not null,
  total_fen bigint not null,
  made_by   bigint not null references people,
  made_at   timestamptz not null default now()
);

create table payment_orders ( -- 付款单: what finance is asked to transfer
  id            bigint generated always as identity primary key,
  reference     text not null constraint payment_orders_reference_once unique
                constraint payment_orders_reference_form check (reference ~ '^XQ[0-9A-HJKMNP-TV-Z]{8}[0-9]{2}$'),
  payer_account text not null,
  payer_name    text not null,
  payee_name    text not null,
  payee_account text not null,
  payee_bank    text not null,
  amount_fen    bigint not null constraint payment_orders_amount check (amount_fen > 0),
  status        text not null default 'open'
                constraint payment_orders_status check (status in ('open', 'exported', 'linked', 'cancelled')),
  method        text not null default 'bank_transfer'
                constraint payment_orders_method check (method in ('bank_transfer', 'wechat_pay')),
  file_id       bigint references payment_files,
  made_at       timestamptz not null default now(),
  paid_at       timestamptz -- when the CA said that it has the money
);
create table dues ( -- 应付: the fee of one application
  id         bigint generated always as identity primary key,
  renewal_id bigint not null constraint dues_one_per_renewal unique references renewals,
  order_id   bigint not null references payment_orders,
  amount_fen bigint not null
);

create table statements ( -- 对账单: the original bytes of one import
  id          bigint generated always as identity primary key,
  sha256      text not null constraint statements_content_once unique,
  file_name   text not null,
  content     bytea not null,
  encoding    text not null,
  account     text not null,
  proven      boolean not null,
  proof       jsonb not null,
  imported_by bigint not null references people,
  imported_at timestamptz not null default now()
);
create table statement_lines ( -- 明细
  id           bigint generated always as identity primary key,
  statement_id bigint not null references statements,
  line_key     text not null constraint statement_lines_once unique, -- occurrence-aware
  row          int not null,
  byte_offset  bigint not null,
  raw          text not null,
  own_account  text not null,
  own_name     text not null,
  direction    text not null constraint statement_lines_direction check (direction in ('in', 'out')),
  amount_fen   bigint not null,
  amount_raw   text not null,
  paid_at      timestamptz not null,
  paid_at_raw  text not null,
  paid_at_precision text not null
               constraint statement_lines_precision check (paid_at_precision in ('date', 'minute', 'second')),
  party_name   text not null,
  party_account text not null,
  party_bank   text not null,
  memo         text not null,
  bank_serial  text
);
create table links ( -- a transfer pays an order; exclusive both ways, undone only by a counter-entry
  id           bigint generated always as identity primary key,
  line_id      bigint not null references statement_lines,
  order_id     bigint not null references payment_orders,
  rule         text not null,
  verdict      text not null constraint links_verdict check (verdict in ('auto', 'suggested', 'confirmed', 'released', 'dropped')),
  text         text not null,
  explanation  jsonb not null,
  made_at      timestamptz not null default now(),
  confirmed_by bigint references people,
  confirmed_at timestamptz,
  released_by  bigint references people,
  released_at  timestamptz,
  rejected_by  bigint references people, -- of a dropped one: a person said no, and it is not suggested again
  rejected_at  timestamptz,
  constraint links_rejected_are_dropped check (rejected_by is null or verdict = 'dropped'),
  constraint links_confirmed_by_somebody check (verdict not in ('confirmed', 'released') or confirmed_by is not null),
  constraint links_two_people check (verdict <> 'released' or coalesce(released_by <> confirmed_by, false))
);
create unique index links_line_once on links (line_id) where verdict <> 'dropped';
create unique index links_order_once on links (order_id) where verdict <> 'dropped';
create table match_flags (
  id         bigint generated always as identity primary key,
  line_id    bigint references statement_lines,
  order_id   bigint references payment_orders,
  rule       text not null,
  text       text not null,
  first_seen timestamptz not null default now(),
  resolved_at timestamptz,
  constraint match_flags_once unique nulls not distinct (line_id, order_id, rule)
);

create table invoices ( -- 电子发票
  id         bigint generated always as identity primary key,
  renewal_id bigint not null references renewals,
  number     text not null constraint invoices_number_once unique,
  total_fen  bigint not null,
  buyer      text not null,
  buyer_tax_id text not null,
  seller     text not null,
  email      text not null,
  state      text not null constraint invoices_state check (state in ('archived', 'disputed')),
  sent_at    timestamptz,
  document   bytea,
  format     text,
  sha256     text,
  made_at    timestamptz not null default now()
);

-- ---------------------------------------------------------------- tasks

create table tasks ( -- 待办: what only a person can do
  id             bigint generated always as identity primary key,
  kind           text not null,
  renewal_id     bigint references renewals,
  workstation_id bigint references workstations,
  token_id       bigint references tokens,
  role           person_role not null,
  assignee_id    bigint references people,
  assigned_by    bigint references people, -- who gave it to the assignee by hand; null: the flow did
  title          text not null,
  instruction    text not null,
  if_ignored     text not null,
  needs          jsonb not null default '[]', -- keys to give back, or "file"
  values         jsonb not null default '{}', -- exact values to type
  secret         text, -- a QR text: shown to the assignee only, erased when the task closes
  state          text not null default 'open' constraint tasks_state check (state in ('open', 'done', 'cancelled')),
  answer         jsonb,
  opened_at      timestamptz not null default now(),
  due_at         timestamptz,
  escalate_at    timestamptz, -- when somebody else is told that nobody has done it
  escalations    int not null default 0,
  closed_at      timestamptz,
  closed_by      bigint references people,
  constraint tasks_secret_is_erased check (secret is null or state = 'open')
);
create unique index tasks_one_open on tasks (kind, renewal_id) where state = 'open' and renewal_id is not null;
create index tasks_by_state on tasks (state, kind, id);
create table task_files ( -- name and content are sealed (0014_privacy.sql); null: erased
  id         bigint generated always as identity primary key,
  task_id    bigint not null references tasks,
  n          int not null, -- 0, 1, 2 … within the task: what is sealed is bound to it
  name       text,
  media_type text not null,
  size       bigint,
  mark       text not null default '', -- salted digest of the content; outlives it
  content    bytea,
  erased_at  timestamptz,
  constraint task_files_once unique (task_id, n)
);

-- ---------------------------------------------------------------- installation on tokens

create table install_orders ( -- 安装任务
  id             bigint generated always as identity primary key,
  renewal_id     bigint not null references renewals,
  token_id       bigint not null references tokens,
  state          text not null default 'queued'
                 constraint install_orders_state check (state in ('queued', 'offered', 'permitted', 'reported', 'closed')),
  body           jsonb not null, -- old, new, chain as sent to the agent
  outcome        text,
  result         jsonb,
  made_at        timestamptz not null default now(),
  offered_to     bigint references agents,
  reported_at    timestamptz
);
create unique index install_orders_one_open on install_orders (renewal_id) where state <> 'closed';
create index install_orders_by_token on install_orders (token_id) where state <> 'closed';

-- One row is one use of a stored PIN.  A row that failed, or whose outcome is not known, bars every
-- further use on that token until a person clears it.
create table pin_attempts (
  id           bigint generated always as identity primary key,
  token_id     bigint not null references tokens,
  order_id     bigint references install_orders, -- null: an attempt that a restore cannot rule out
  permit_ref   text not null constraint pin_attempts_ref_once unique,
  permitted_at timestamptz not null default clock_timestamp(),
  expires_at   timestamptz not null,
  outcome      text constraint pin_attempts_outcome check (outcome in ('accepted', 'not_used', 'incorrect', 'unsure')),
  reported_at  timestamptz,
  cleared_by   bigint references people,
  cleared_at   timestamptz
);
create unique index pin_attempts_bar on pin_attempts (token_id)
  where cleared_at is null and (outcome is null or outcome in ('incorrect', 'unsure'));

-- ---------------------------------------------------------------- holds, the CA's facts, audit

create table holds (
  id          bigint generated always as identity primary key,
  scope       text not null constraint holds_scope check (scope in ('all', 'unit', 'ca')),
  unit_id     bigint references units,
  ca          text,
  reason      text not null,
  set_by      bigint references people,
  set_at      timestamptz not null default now(),
  release_asked_by bigint references people,
  released_by bigint references people,
  released_at timestamptz,
  constraint holds_unit_named check ((scope = 'unit') = (unit_id is not null)),
  constraint holds_ca_named check ((scope = 'ca') = (ca is not null)),
  constraint holds_released_by_two check (released_at is null or coalesce(released_by <> release_asked_by, false))
);
create function is_held(p_unit bigint, p_ca text) returns boolean language sql stable as $$
  select exists (select from holds h where h.released_at is null
    and case h.scope when 'all' then true when 'ca' then h.ca = p_ca else in_scope(p_unit, h.unit_id) end)
$$;

create table ca_facts ( -- what GET /v1/meta said last
  ca         text primary key,
  meta       jsonb not null,
  fetched_at timestamptz not null default now(),
  alert      text, -- why nothing is paid at present (payee differs …)
  told_over  text, -- digest of the agreement (电子认证协议) that an answer of the CA has replaced before its meta did
  told_at    timestamptz
);
-- A meta that still shows the agreement that an answer replaced follows later: for a day what was told last stays.
create function ca_facts_keep_told() returns trigger language plpgsql as $$
begin
  if new.meta#>>'{agreement,sha256}' = old.told_over and old.told_at > now() - interval '1 day' then
    new.meta := jsonb_set(new.meta, '{agreement}', old.meta->'agreement');
  end if;
  return new;
end $$;
create trigger ca_facts_told before update of meta on ca_facts
  for each row when (new.told_over is not distinct from old.told_over) execute function ca_facts_keep_told();

create table agreements ( -- 电子认证协议: the texts that the CA gave, each under its digest
  ca      text not null,
  sha256  text not null,
  version text not null,
  title   text not null,
  text    text not null constraint agreements_text_is_its_digest check (encode(sha256(convert_to(text, 'UTF8')), 'hex') = sha256),
  seen_at timestamptz not null default now(),
  primary key (ca, sha256)
);

create table cas ( -- the CAs that this installation speaks to: the limits that people set, and whether they answer
  ca                  text primary key,
  daily_cap           int constraint cas_daily_cap check (daily_cap > 0), -- 每日上限: applications begun on one day; null: none
  requests_per_minute int constraint cas_requests check (requests_per_minute > 0),
  office_hours        boolean not null default false, -- effects only while the office is open
  -- the circuit breaker (orchestrator/domain/breaker.h): a new value is stored only over its version
  breaker             text not null default 'closed' constraint cas_breaker check (breaker in ('closed', 'open', 'half_open')),
  breaker_version     bigint not null default 0,
  breaker_failures    bigint not null default 0,
  breaker_since       timestamptz not null default to_timestamp(0),
  breaker_until       timestamptz not null default to_timestamp(0),
  breaker_openings    bigint not null default 0,
  last_error          text,
  failed_at           timestamptz
);

create table audit ( -- append-only
  id     bigint generated always as identity primary key,
  at     timestamptz not null default clock_timestamp(),
  actor  text not null,
  action text not null,
  object text not null,
  detail jsonb not null default '{}'
);
create trigger audit_append_only before update or delete on audit
  for each row execute function never_changes();
create trigger audit_no_truncate before truncate on audit
  for each statement execute function never_changes();
