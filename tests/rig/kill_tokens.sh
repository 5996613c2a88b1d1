#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid before and after every edge and journal line of installations that go wrong, with the real agents and
# faulty tokens: a certificate that is not there when it is read back, or is seen only later; a token that is pulled in
# the middle; a workstation that loses its power when the certificate is written; and an agent that speaks the protocol,
# but reports what no agent does.  Each token's log and the CA's ledger must show every effect once.
# seconds: 600
# long
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
. "$SOURCE/tests/rig/points.sh"
export XUQI_P11LOG_FAULTS=$RIG/faults
# shellcheck source=tests/rig/stage.sh
. "$SOURCE/tests/rig/stage.sh"

# By what befalls them: read back without the certificate, then installed again; seen by inventory afterwards; given up
# instead; pulled in the middle; the workstation's power cut after the write.  The agent of ws-3 lies about its first.
again=ukey-01 seen=ukey-02 withdrawn=ukey-04 pulled=ukey-05 cut=ukey-07

fault() { printf '%s\n' "$2" >"$RIG/faults/$(serial_of "$1")"; }

before_the_campaign() {
	local token
	for token in "$again" "$withdrawn"; do fault "$token" unwritten; done
	fault "$seen" blind
	fault "$pulled" gone
	fault "$cut" frozen
	child_stop agent-ws-3
}

# ---- an agent that lies: ws-3's own programs and identity, but not its install -----------------------

as_agent() { # PATH BODY
	curl -sS --cacert "$DIR/xuqid/agent-ca.pem" --cert "$DIR/agents/ws-3/identity.pem" -H 'Content-Type: application/json' \
		-d "$2" "$(jq -r .agents "$DIR/settings/demo.json")$1"
}

# Until an order comes: it is in RIG/order, and its token in RIG/lied.
offered() {
	local id
	looks ws-3 || return 1
	id=$(sed -n 's/^order=//p' "$RIG/polled")
	[ -n "$id" ] || return 1
	printf '%s\n' "$id" >"$RIG/order"
	in_database -c "select t.label from install_orders i join tokens t on t.id = i.token_id where i.id = $id" >"$RIG/lied"
	[ -s "$RIG/lied" ]
}

# What was never tried is said to be read back wrongly.
lies() {
	as_agent "/v1/agent/orders/$(cat "$RIG/order")/result" "$(jq -n --arg serial "$(serial_of "$(cat "$RIG/lied")")" \
		--arg at "$(date -u +%FT%TZ)" '{outcome: "readback_failed", login_attempted: false, token_serial: $serial,
		certificate_sha256: [], started_at: $at, finished_at: $at, error: "rig: never tried", transcript: []}')"
	is_in "$(cat "$RIG/lied")" quarantined
}

# ---- people ---------------------------------------------------------------------------------------

# The task `install` of a token is answered once it is quarantined; true once it has gone on from there.
put_right() { # TOKEN
	local state task
	state=$(state_of "$1")
	if [ "$state" != quarantined ]; then
		[ -n "$state" ] && [ -e "$RIG/quarantined-$1" ]
		return
	fi
	: >"$RIG/quarantined-$1"
	task=$(items admin task list --kind install | jq -r --arg t "$1" 'select(.token_label == $t) | .id')
	[ -n "$task" ] && as admin xuqi task "done" "$task" --set retry=yes --commit
	return 1
}

# Until inventory shows the new certificate of a token beside the old one.
shows() { # WORKSTATION TOKEN
	[ "$(in_database -c "select count(*) from certificates c join tokens t on t.id = c.token_id where t.label = '$2'")" = 1 ] || return 0
	"$SOURCE/deploy/demo/plugger" plug "$1" "$2"
	sleep 2
	return 1
}

# The CA lets nobody withdraw what was fetched: it is asked by telephone to close it, and then once more.
is_given_up() {
	local task
	! is_in "$withdrawn" refunding && ! is_in "$withdrawn" refunded || return 0
	task=$(items operator task list --kind withdrawal | jq -r '.id' | head -n 1)
	if [ -z "$task" ]; then
		as operator xuqi renewal withdraw "$(renewal_of "$withdrawn")" --reason "rig: the token is faulty" --commit
		return 1
	fi
	[ -e "$RIG/closed" ] || jq -n --slurpfile e "$DIR/tokens/$withdrawn/enrolled-01.json" '{serial: $e[0].serial, fee: "refunded"}' |
		curl -sfS -X POST --data-binary @- "$SIM_CONTROL/sim/applications" >"$RIG/closed"
	as operator xuqi task "done" "$task" --set decision=again --commit
	return 1
}

# The power of ws-2 goes when the certificate is on its token.
power_cut() {
	log_of "$cut" | grep -q 'fault .*is=frozen' && log_of "$cut" | grep -q C_CreateObject
}
workers_of() { pgrep -f "xuqi-agent-install --settings $DIR/settings/$1.yaml" || true; }
goes_dark() { # WORKSTATION
	local id
	child_signal "agent-$1" KILL - || true
	for id in $(workers_of "$1"); do kill -KILL "$id" || true; done
	: >"$DIR/run/agent-$1"
}

# With the power back the token is looked at; what its agent did before is told only later.
is_seen() {
	looks ws-2 || return 1
	is_in "$cut" installed || is_in "$cut" awaiting_invoice || is_in "$cut" "done"
}
has_ended() { [ "$(states)" = 'done=10 installing=1 refunded=1' ]; }

# ---- the day --------------------------------------------------------------------------------------

exec 2> >(grep -v -e ' cannot be reached: ' -e ': no whole answer from ' >&2)
points_folder
leases_end 40
mkdir "$RIG/faults"
stage_begins
insist 200 offered
insist 60 lies
insist 60 put_right "$(cat "$RIG/lied")"
agent_starts ws-3
insist 200 power_cut
goes_dark ws-2
expect the_power_went_while_it_was_installed is_in "$cut" installing
insist 60 is_seen
agent_starts ws-2
insist 60 shows ws-1 "$seen"
for token in "$again" "$seen"; do insist 120 put_right "$token"; done
insist 120 is_given_up
insist 200 has_ended || true
printf '# %s\n' "$(states)"
expect_equal all_but_the_wrong_PIN_and_the_one_given_up_are_done 'done=10 installing=1 refunded=1' "$(states)"

ledger
cp "$RIG/ledger.json" "$STATE/logs/ledger.json"
expect_equal the_ledger_shows_everything_once 'applications=12 payments=12 declared=12 verified=12 installed=10 transfers=12 refused=/v1/applications/:id/withdraw STATE_CONFLICT' "$(verdict)"
expect_equal the_wrong_PIN_was_tried_once 1 "$(logins_of_the_wrong_pin)"
uses() { printf '%d logins, %d writes' "$(log_of "$1" | grep -c C_Login || true)" "$(log_of "$1" | grep -c C_CreateObject || true)"; }
for token in "$again" "$pulled"; do # what was not written then was written once more, when a person or the next try allowed it
	expect_equal "${token}_was_touched_twice" '2 logins, 2 writes' "$(uses "$token")"
done
for token in "$seen" "$withdrawn" "$cut"; do
	expect_equal "${token}_was_touched_once" '1 logins, 1 writes' "$(uses "$token")"
done
expect_equal "the_token_that_was_lied_about_was_touched_once" 1 "$(log_of "$(cat "$RIG/lied")" | grep -c C_Login)"
points_count tokens
expect_its_points tokens
expect_equal every_armed_point_on_the_way_has_killed "" "$(missed tokens | tr '\n' ',')"
