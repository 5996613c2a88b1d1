#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid before and after what people say of each other's work, what the reaper mends and what is erased: tasks and
# certificates that change hands, a task that is not done in time, a lease and an installation that nobody holds any more,
# an order and a task that a renewal left behind, attachments whose time is over; and before and after a CA says never when
# an unpaid quote has run out.
# seconds: 600
# long
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
. "$SOURCE/tests/rig/points.sh"
# shellcheck source=tests/rig/stage.sh
. "$SOURCE/tests/rig/stage.sh"

rig_end() { [ -z "${lost:-}" ] || kill "$lost" 2>/dev/null || true; }

# On hold at the CA for a while, so that nothing is exported before; refused when its quote has run out; with an attachment.
frozen=ukey-08 never=ukey-11 attached=ukey-06

old_of() { jq -r .serial "$DIR/tokens/$1/enrolled-01.json"; }
knob_of() { # TOKEN KNOB RULE
	jq -n --arg serial "$(old_of "$1")" "{$2: ($3 + {\$serial})}" | curl -sfS -X POST --data-binary @- "$SIM_CONTROL/sim/knobs" >/dev/null
}

before_the_campaign() {
	as admin xuqi token create --login handler2 --name 何静 --role handler --days 30 --mobile 13800138002 --email h2@example.com \
		--legal-entity 91440101MA5XQ0001C --authorised-until "$(date -u -d '+1 year' +%F)" --out "$DIR/people/handler2.token" >/dev/null
	knob_of "$frozen" refuse '{value: "cert_on_hold", method: "POST", path: "/v1/payments", times: 1}'
	knob_of "$never" refuse '{value: "expired_too_long", method: "POST", path: "/v1/payments/*/close"}'
	knob_of "$never" quote_ms '{value: 5000}'
	child_stop agent-ws-3
}

# ---- who does it ----------------------------------------------------------------------------------

# assigns KIND FROM TO: a task of theirs, once; and whoever asks for it has it then.
owner_of() { in_database -c "select m.login from tasks k join people m on m.id = k.assignee_id where k.id = $1"; }
open_task() { in_database -c "select k.id from tasks k join people m on m.id = k.assignee_id where k.state = 'open' and k.kind in ('agreement', 'intent', 'attachment', 'bind') and m.login = '$1' order by k.id desc limit 1"; }
assigned() {
	local task
	task=$(open_task handler)
	[ -z "$task" ] || as operator xuqi task assign "$task" handler2 --commit || true
	task=$(open_task handler2)
	[ -z "$task" ] || as operator xuqi task assign "$task" handler --commit || true
	[ -n "$task" ] && has_passed task_assigned && [ "$(owner_of "$task")" = handler ]
}

# Everything of a handler goes to the other one, and comes back.
handlers() { in_database -c "select string_agg(distinct m.login, ',') from certificate_sets s join people m on m.id = s.handler_id"; }
goes_to() { # FROM TO
	[ "$(handlers)" != "$2" ] || return 0
	as operator xuqi handler transfer "$1" "$2" --commit || true
	[ "$(handlers)" = "$2" ]
}

# Time passes, and nobody has done it.
escalated() {
	in_database -c "update tasks set escalate_at = now() - interval '1 minute' where id = (select min(id) from tasks where state = 'open' and renewal_id is not null and escalations = 0)"
	kill_xuqid # the next one looks at once
	sleep 2
	has_passed task_escalated
}

# ---- what the reaper mends ------------------------------------------------------------------------

# Everything is held, so that nobody takes over what a worker has left that died under its lease a minute ago (and
# another xuqid than the next one finds: that one begins without leases).  The reaper looks once a minute.
holds() { items operator hold list | jq -r 'select(.released_at == null) | .id'; }
all_is_held() {
	[ -n "$(holds)" ] || as operator xuqi hold all --reason rig
	[ -n "$(holds)" ]
}
lease_is_lost() {
	in_database -c "update renewals set claimed_until = now() - interval '1 minute', due_at = now() where claimed_until is null
		and id = (select min(r.id) from renewals r join renewal_states v using (state) where not v.final and r.state <> 'awaiting_approval')"
	sleep 1
	has_passed lease_lost
}
released() {
	local id
	for id in $(holds); do
		as operator xuqi hold release "$id" || true
		as approver xuqi hold release "$id" || true
	done
	items operator hold list >"$RIG/holds" && [ -z "$(jq -r 'select(.released_at == null) | .id' "$RIG/holds")" ]
}

# The agent of ws-3 takes an order and is revoked before it asks for a permit.
offered() { looks ws-3 && grep -q '^order=' "$RIG/polled"; }
taken_back() {
	local id
	id=$(items operator agent list | jq -r 'select(.workstation == "ws-3" and .revoked_at == null) | .id')
	[ -z "$id" ] || as operator xuqi agent revoke "$id" || true
	kill_xuqid
	sleep 2
	has_passed install_taken_back
}
enrolled_again() {
	rm -f "$DIR/agents/ws-3/identity.pem" "$DIR/agents/ws-3/"*.tmp
	rm -rf "$DIR/secrets/ws-3.code"
	parts_enrol ws-3
}

# As an earlier version left them: an order and a step's task of a renewal that has ended.
left_behind() {
	local id
	id=$(renewal_of "$never")
	in_database -c "update payment_orders set status = 'open' where id = (select order_id from dues where renewal_id = $id) and status = 'cancelled' and file_id is null" \
		-c "insert into tasks (kind, renewal_id, role, title, instruction, if_ignored) select 'intent', $id, 'handler', 'rig', 'rig', 'rig'
			where not exists (select from tasks where renewal_id = $id and kind = 'intent' and state = 'open')"
	kill_xuqid
	sleep 2
	has_passed order_cancelled && has_passed task_cancelled
}
nothing_is_left() {
	[ "$(in_database -c "select (select count(*) from orphan_payments) + (select count(*) from tasks where title = 'rig' and state = 'open')")" = 0 ]
}

# ---- the money ------------------------------------------------------------------------------------

goes_on() { # TOKEN FROM: asked again, until it is elsewhere
	local state
	state=$(state_of "$1")
	[ "$state" = "$2" ] || { [ -n "$state" ] && return; }
	as operator xuqi renewal hint "$(renewal_of "$1")" --text "请查询" || true
	return 1
}

# ---- the end --------------------------------------------------------------------------------------

erased() {
	in_database -c "update renewals set changed_at = changed_at - interval '400 days' where id = $(renewal_of "$attached") and changed_at > now() - interval '300 days'"
	kill_xuqid
	sleep 2
	has_passed erased
}
exec 2> >(grep -v -e ' cannot be reached: ' -e ': no whole answer from ' >&2)
points_folder
leases_end 40
stage_begins
insist 60 assigned
insist 120 escalated
insist 60 all_is_held
insist 200 lease_is_lost &
lost=$!
insist 60 goes_to handler handler2
insist 60 goes_to handler2 handler
wait "$lost"
lost=
insist 60 released
insist 120 is_in "$never" awaiting_payment
insist 60 goes_on "$never" awaiting_payment
insist 60 is_in "$frozen" submitted
insist 60 goes_on "$frozen" submitted
insist 120 offered
insist 60 taken_back
insist 60 enrolled_again
agent_starts ws-3
insist 60 left_behind
insist 60 nothing_is_left
has_ended() { renewals | jq -es 'all(.[]; .state | IN("done", "failed") or (. == "installing"))' >/dev/null; }
insist 240 has_ended || true
insist 60 erased
printf '# %s\n' "$(states)"

ledger
cp "$RIG/ledger.json" "$STATE/logs/ledger.json"
expect_equal eleven_are_done_but_for_the_wrong_PIN_and_one_was_refused 'done=10 failed=1 installing=1' "$(states)"
# A refusal whose answer was lost is asked for again: only which there were is said.
expect_equal the_ledger_shows_everything_once 'applications=12 payments=12 declared=11 verified=11 installed=10 transfers=11 refused=CERT_ON_HOLD EXPIRED_TOO_LONG' \
	"$(verdict | sed 's/refused=.*//')refused=$(jq -r '[.refused[] | select(.code != "REMITTANCE_NOT_FOUND")] | map(.code) | unique | join(" ")' "$RIG/ledger.json")"
expect_equal the_wrong_PIN_was_tried_once 1 "$(logins_of_the_wrong_pin)"
expect_equal each_token_was_written_once "" "$(for n in 01 02 04 05 06 07 08 09 12; do [ "$(log_of "ukey-$n" | grep -c C_Login)" = 1 ] || printf 'ukey-%s ' "$n"; done)"
expect_equal the_attachment_is_gone 0 "$(in_database -c "select count(*) from task_files f join tasks k on k.id = f.task_id where k.renewal_id = $(renewal_of "$attached") and f.content is not null")"
expect_equal everything_is_with_its_first_handler handler "$(handlers)"
points_count people
expect_its_points people
expect_equal every_armed_point_on_the_way_has_killed "" "$(missed people | tr '\n' ',')"
