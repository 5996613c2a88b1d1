-- What lists and pages show, written once: the API selects from these views.

create view certificate_items as
select s.id, s.holder, s.service, s.uscc, s.media_no, s.not_after, s.custodian, s.place, s.source, s.unit_id,
  u.name as unit, h.login as handler, t.serial as token_serial, t.label as token_label, w.name as workstation,
  c.serial, c.key_type, c.roles, r.id as renewal, r.state as renewal_state,
  case when s.not_after <= now() then 'expired' when s.not_after <= now() + interval '60 days' then 'expiring'
       else 'valid' end as "group"
from certificate_sets s
left join units u on u.id = s.unit_id
left join people h on h.id = s.handler_id
left join tokens t on t.id = s.token_id
left join workstations w on w.id = t.workstation_id
left join lateral (
  select (array_agg(serial order by role = 'encrypt', not_after))[1] as serial,
    (array_agg(key_type order by role = 'encrypt'))[1] as key_type, array_agg(role::text order by role) as roles
  from certificates where set_id = s.id and replaced_by is null) c on true
left join lateral (select id, state from renewals where set_id = s.id order by id desc limit 1) r on true;

-- What a renewal waits for has an owner: the task's, else the one who gives what is missing.
create view renewal_items as
select r.id, r.campaign_id, c.name as campaign, s.unit_id, u.name as unit, s.holder, s.service, r.kind, r.state,
  old.serial, old.not_after,
  case when not v.final then nullif(r.due_at, 'infinity') end as due_at, r.attempts, r.term_years, r.approved_fen, r.quoted_fen, r.last_error,
  r.changed_at, r.blocked_at, r.facts, t.serial as token_serial, t.label as token_label, w.name as workstation,
  case when r.blocked_reason is not null then r.blocked_reason
       when r.state = 'awaiting_approval' and r.spend_approval is null then 'spend_approval'
       when r.state = 'awaiting_approval' then 'campaign_start' end as blocked_reason,
  coalesce(k.owner, case
    when r.state = 'awaiting_approval' and r.spend_approval is null then 'approver'
    when r.blocked_reason = 'touch_approval' then 'approver'
    when r.blocked_reason in ('transfer', 'invoice_differs') then 'finance'
    when r.blocked_reason in ('ca_verification', 'review', 'invoice', 'ca_unreachable', 'ca_busy', 'ca_breaker', 'office_hours') then 'ca'
    when r.blocked_reason in ('database', 'error', 'ca_access') then 'admin'
    when r.blocked_reason in ('going_round', 'unknown_outcome', 'hold', 'daily_cap_ca', 'daily_cap_campaign') then 'operator'
    when r.blocked_reason in ('token', 'pin') then 'operator' end) as owner,
  (select count(*) from pin_attempts a join install_orders o on o.id = a.order_id
   where o.renewal_id = r.id and a.outcome in ('incorrect', 'unsure')) as pin_tries
from renewals r
join renewal_states v on v.state = r.state
join campaigns c on c.id = r.campaign_id
join certificate_sets s on s.id = r.set_id
left join units u on u.id = s.unit_id
left join tokens t on t.id = s.token_id
left join workstations w on w.id = t.workstation_id
left join lateral ( -- the certificate that is renewed: named when the plan was made
  select p->>'serial' as serial, (p->>'not_after')::timestamptz as not_after
  from jsonb_array_elements(c.plan->'rows') p where p->>'set' = s.id::text limit 1) old on true
left join lateral (
  select coalesce(p.login, k.role::text) as owner from tasks k
  left join people p on p.id = coalesce(deputy_of(k.assignee_id), k.assignee_id)
  where k.renewal_id = r.id and k.state = 'open' order by k.id limit 1) k on true;

create view task_items as
select k.*, r.state as renewal_state, s.holder, s.service, s.unit_id as set_unit_id, s.legal_entity_id, p.login as assignee,
  w.name as workstation, w.unit_id as workstation_unit_id, t.serial as token_serial, t.label as token_label,
  d.id as deputy_id, d.login as deputy, coalesce(d.login, p.login, k.role::text) as owner,
  k.state = 'open' and k.due_at < now() as overdue
from tasks k
left join renewals r on r.id = k.renewal_id
left join certificate_sets s on s.id = r.set_id
left join people p on p.id = k.assignee_id
left join people d on d.id = deputy_of(k.assignee_id)
left join workstations w on w.id = k.workstation_id
left join tokens t on t.id = k.token_id;

create view match_items as
select l.id, l.line_id, l.order_id, o.reference, d.renewal_id, n.amount_fen, n.own_account as payer_account,
  n.own_name as payer_name, n.paid_at, l.rule, l.verdict, l.text, l.explanation, l.confirmed_by, l.released_by,
  l.made_at, p.login as by, q.login as released_by_login, x.login as rejected_by_login, s.unit_id
from links l
join statement_lines n on n.id = l.line_id
join payment_orders o on o.id = l.order_id
left join dues d on d.order_id = o.id
left join renewals r on r.id = d.renewal_id
left join certificate_sets s on s.id = r.set_id
left join people p on p.id = l.confirmed_by
left join people q on q.id = l.released_by
left join people x on x.id = l.rejected_by;
