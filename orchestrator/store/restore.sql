-- After a restore: which renewals the CA must be asked about, and what it said (schema/0019_restoring.sql).

-- name: restore_next
-- One renewal to ask about, the one that was asked least often first: all that its questions need.
select r.id, r.state, r.ca, (select id from installation), coalesce(r.facts->>'application_id', ''), coalesce(r.facts->>'binding_id', ''),
  coalesce((select max(attempt) from effects e where e.renewal_id = r.id and e.op = 'bind' and e.settled_at is not null), 0),
  coalesce((select max(attempt) from effects e where e.renewal_id = r.id and e.op = 'open' and e.settled_at is not null), 0)
from restore_items i join renewals r on r.id = i.renewal_id
where i.verdict is null and restore_is_due(r) order by i.asked, r.id limit 1

-- name: restore_left
select exists (select from restore_items i join renewals r on r.id = i.renewal_id join renewal_states s on s.state = r.state
  where i.verdict is null and not s.final)

-- name: restore_failed
-- It could not be asked: the next one first.
update restore_items set asked = asked + 1, text = $2 where renewal_id = $1::bigint and verdict is null

-- name: restore_adopt
select restore_adopt($1::bigint, $2::jsonb)

-- name: restore_status
-- Parameters as in people.sql: what is left after the last restore.
with a as (select $1::jsonb p, $2::text id, $3::jsonb q, $4::jsonb b),
last as (select s.* from restores s order by s.id desc limit 1),
items as (select i.*, r.state, restore_is_due(r) as due from restore_items i join last on last.id = i.restore_id join renewals r on r.id = i.renewal_id),
found as (
  select 1 as rank, 'hold' as area, case when h.released_at is null then 'open' else 'done' end as state,
    case when h.released_at is not null then 'released' when h.release_asked_by is null then 'two people must release it' else 'a second person must release it' end as text,
    'xuqi hold release ' || h.id as remedy, null::bigint as renewal
    from last join holds h on h.id = last.hold_id
  union all
  select 2, 'ca', case when count(*) filter (where verdict is null and due) = 0 then 'done' else 'open' end,
    format('%s renewals: %s adopted, %s unchanged, %s for a person, %s to be asked, %s once they are approved', count(*), count(*) filter (where verdict = 'adopted'),
      count(*) filter (where verdict = 'unchanged'), count(*) filter (where verdict = 'person'), count(*) filter (where verdict is null and due),
      count(*) filter (where verdict is null and not due)), 'xuqid asks the CA by itself', null from items having count(*) > 0
  union all
  select 3, 'ca', 'open', format('renewal %s (%s) could not be asked about: %s', renewal_id, state, text), 'is asked again by itself', renewal_id
    from items where verdict is null and due and asked > 0
  union all
  select 4, 'payments', case when k.state = 'open' then 'open' else 'done' end,
    'finance looks for transfers and payment files since ' || last.made_at, 'xuqi task done ' || k.id || ' --set checked=yes --commit', null
    from last join tasks k on k.id = last.task_id
  union all
  select 4, 'access', 'done', format('%s API tokens and %s agents that were revoked after the backup are revoked again%s', jsonb_array_length(ended->'tokens'),
      jsonb_array_length(ended->'agents'), (select ': ' || string_agg(format('%s (%s)', t->>'login', t->>'role'), ', ') from jsonb_array_elements(ended->'tokens') t)),
    'xuqi token list, xuqi agent list', null from last where ended is not null
  union all
  select 4, 'access', case when k.state = 'open' then 'open' else 'done' end,
    'whatever was revoked after ' || last.made_at || ' may be valid again; valid now: ' || (select coalesce(string_agg(format('%s (%s, token %s of %s)', m.login,
      t.role, t.id, day_of(t.made_at)), ', ' order by t.id), 'nothing') from api_tokens t join people m on m.id = t.person_id
      where t.revoked_at is null and t.expires_at > now() and t.made_at <= last.made_at),
    'xuqi token revoke ID, xuqi agent revoke ID; then xuqi task done ' || k.id || ' --set checked=yes --commit', null
    from last join tasks k on k.id = last.access_task
  union all
  select 5, 'statements', case when max(s.imported_at) > last.restored_at then 'done' else 'open' end,
    format('account %s: the last line here is of %s, import everything after it again', l.own_account, max(l.paid_at)), 'xuqi statement import FILE --commit', null
    from last, statement_lines l join statements s on s.id = l.statement_id group by l.own_account, last.restored_at
  union all
  select 6, 'pin', case when count(*) filter (where a.cleared_at is null) = 0 then 'done' else 'open' end,
    format('%s tokens: a use of their stored PIN cannot be ruled out, %s are cleared or proven by their agents', count(*), count(*) filter (where a.cleared_at is not null)),
    'xuqi agent pins, then xuqi agent clear-pin ID --reason … --commit for each whose PIN is known to be right; or where its next installation asks for it', null
    from last join pin_attempts a on a.permit_ref like 'restore-' || last.id || '-%' having count(*) > 0)
select 200, jsonb_build_object('items', coalesce((select jsonb_agg(to_jsonb(found) - 'rank' order by rank, renewal) from found), '[]'),
  'made_at', (select made_at from last), 'restored_at', (select restored_at from last), 'next_cursor', null)::text from a
