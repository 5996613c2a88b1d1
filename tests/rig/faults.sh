#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CA accepts and does not say so: the answer is cut off after the effect, it is an error 500, or it is held until
# xuqid gives up.  For every effect of the demo campaign, with xuqid killed and started again besides: one
# application and one payment for each certificate, by the CA's ledger and the bank.
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=300
export XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn ${XUQI_FAULT_PROGRAM:-$BIN/xuqid}"

control() { jq -r .control "$STATE/settings/demo.json"; }
ledger() { curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"; }
campaign_runs() { [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }
verdict() {
	jq -r '"applications=\(.applications) payments=\(.payments) declared=\(.declared) verified=\(.verified) " +
		"installed=\(.installed) transfers=\(.transfers) refused=" +
		([.refused[] | select(.code != "REMITTANCE_NOT_FOUND") | "\(.operation) \(.code)"] | join(","))' \
		"$RIG/ledger.json"
}
wanted='applications=12 payments=12 declared=12 verified=12 installed=11 transfers=12 refused='

kill_xuqid() {
	local id
	[ -s "$RIG/xuqid.pid" ] || return 0
	read -r id <"$RIG/xuqid.pid"
	kill -KILL "$id" 2>/dev/null || true
}

# campaign NAME KNOBS KILLS: the demo against a CA with these knobs, and so many kills on the way.
campaign() {
	export XUQI_DEMO_KNOBS=$2
	rig_start
	wait_for 240 "the campaign" campaign_runs
	for _ in $(seq "$3"); do
		sleep 5
		! grep -q '^quickstart: ' "$RIG/out" || break
		kill_xuqid
	done
	wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
	ledger
	expect_equal "$1_the_result_is_the_same" 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
		"$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
	expect_equal "$1_one_application_and_one_payment_for_each" "$wanted" "$(verdict)"
}

# The fault has really come: the log of xuqid tells of outcomes that it did not know.
fault_came() { # NAME LEAST
	local count
	count=$(cat "$STATE"/logs/xuqid*.log | grep -c 'event=effect.asked' || true)
	if [ "$count" -ge "$2" ]; then
		ok "$1_made_xuqid_ask_what_became_of_its_effects"
		printf '# %s: asked %d times\n' "$1" "$count"
	else
		not_ok "$1_made_xuqid_ask_what_became_of_its_effects" "$count times"
	fi
	rig_stop
}

# The first six answers to each effect are lost.
lost() { # KNOB
	jq -n --arg knob "$1" '{($knob): [
		["POST", "/v1/bindings"], ["POST", "/v1/applications"], ["PUT", "/v1/applications/*/agreement"],
		["PUT", "/v1/applications/*/term"], ["POST", "/v1/applications/*/attachments"], ["PUT", "/v1/applications/*/intent"],
		["POST", "/v1/applications/*/submit"], ["POST", "/v1/payments"], ["PUT", "/v1/payments/*/remittance"],
		["POST", "/v1/applications/*/install-reports"] | {method: .[0], path: .[1], times: 6}]}'
}
campaign cut_after_body "$(lost cut_after_body)" 2
fault_came cut_after_body 12
campaign fail_after_commit "$(lost fail_after_commit)" 2
fault_came fail_after_commit 12

# Longer than xuqid waits (30 s), for the effects that cost money or cannot be taken back.
held='{"hold_after_commit_ms": [{"method": "POST", "path": "/v1/applications", "ms": 31000, "times": 1},
	{"method": "POST", "path": "/v1/payments", "ms": 31000, "times": 1},
	{"method": "POST", "path": "/v1/applications/*/install-reports", "ms": 31000, "times": 1}]}'
campaign hold_after_commit "$held" 0
fault_came hold_after_commit 2
