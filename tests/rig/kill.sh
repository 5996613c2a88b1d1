#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid while the demo campaign runs: ten times at random moments, and once for each outside
# effect while the CA has committed it and still holds its answer.  Whatever xuqid says of itself, the
# verdict comes from the CA's ledger and the bank: each renewal applied for, paid and reported once, nothing
# repeated.  The same verdict must catch xuqid-fresh-keys, which draws new keys after a restart.
# seconds: 900
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
export XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn ${XUQI_KILL_PROGRAM:-$BIN/xuqid}"
RIG_PATIENCE=400

control() { jq -r .control "$STATE/settings/demo.json"; }
ledger() { curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"; }
set_knob() { curl -sf -X PUT -d "$1" "$(control)/sim/knobs" >/dev/null; }
knob() { curl -sf "$(control)/sim/knobs" | jq -c ".$1"; }
campaign_runs() { [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }
is_up() { [ -s "$RIG/xuqid.pid" ]; }

kill_xuqid() {
	local id
	wait_for 60 "xuqid" is_up
	read -r id <"$RIG/xuqid.pid"
	kill -KILL "$id"
	kills=$((kills + 1))
}

# begin: the demo in the background, up to the start of its campaign.
begin() {
	kills=0
	rig_start
	wait_for 240 "the campaign" campaign_runs
	kill -0 "$rig_pid"
}

finish() {
	wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
	ledger
	rig_stop
	printf '# %s, after %d kills\n' "$(tail -n 1 "$RIG/out")" "$kills"
}

# What the CA and the bank saw, as one line.
verdict() {
	jq -r '"applications=\(.applications) payments=\(.payments) declared=\(.declared) verified=\(.verified) " +
		"installed=\(.installed) transfers=\(.transfers) refused=" +
		([.refused[] | select(.code != "REMITTANCE_NOT_FOUND") | "\(.operation) \(.code)"] | join(","))' \
		"$RIG/ledger.json"
}
wanted='applications=12 payments=12 declared=12 verified=12 installed=11 transfers=12 refused='

summary_is() {
	expect_equal "$1" 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
		"$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
}

logins_of_the_wrong_pin() {
	local serial
	serial=$(cat "$STATE/tokens/$(awk -F '\t' '$7 == "wrong" { print $1 }' "$SOURCE/deploy/demo/renewals.tsv")/serial")
	cat "$STATE"/logs/p11-*.log | grep C_Login | grep -c "serial=$serial " || true
}

# ---- ten kills at random moments ----------------------------------------------------------------
kill_at_random() {
	begin
	for _ in {1..10}; do
		sleep "0.$((RANDOM % 10))"
		sleep $((RANDOM % 2))
		grep -q '^quickstart: ' "$RIG/out" && break
		kill_xuqid
	done
	finish
	expect_equal xuqid_was_killed_ten_times 10 "$kills"
	summary_is killed_at_random_the_result_is_the_same
	expect_equal killed_at_random_the_ledger_shows_everything_once "$wanted" "$(verdict)"
	expect_equal killed_at_random_the_wrong_pin_was_tried_once 1 "$(logins_of_the_wrong_pin)"
}

# ---- one kill for each outside effect, after its commit --------------------------------------------
effects='POST /v1/bindings
POST /v1/applications
PUT /v1/applications/*/agreement
PUT /v1/applications/*/term
POST /v1/applications/*/attachments
PUT /v1/applications/*/intent
POST /v1/applications/*/submit
POST /v1/payments
PUT /v1/payments/*/remittance
POST /v1/applications/*/install-reports'

arm() { # METHOD PATH
	set_knob "$(jq -n --arg method "$1" --arg path "$2" \
		'{hold_after_commit_ms: {method: $method, path: $path, ms: 20000, once: true}}')"
}

has_fired() { [ "$(knob hold_after_commit_ms)" = false ] || ! kill -0 "$rig_pid" 2>/dev/null; }

# The next effect is armed before xuqid comes back, so that none slips by.
kill_in_effects() {
	local method path
	XUQI_DEMO_KNOBS=$(jq -n '{hold_after_commit_ms: {method: "POST", path: "/v1/bindings", ms: 20000, once: true}}')
	export XUQI_DEMO_KNOBS
	begin
	while read -r method path <&5; do
		if [ "$path" != /v1/bindings ]; then arm "$method" "$path"; fi
		rm -f "$RIG/hold"
		wait_for 60 "$method $path" has_fired || break
		: >"$RIG/hold"
		kill_xuqid
		ok "killed_while_the_CA_held_the_answer_to_${method}_${path//[^a-z]/_}"
	done 5<<<"$effects"
	rm -f "$RIG/hold"
	finish
	unset XUQI_DEMO_KNOBS
	summary_is killed_in_each_effect_the_result_is_the_same
	expect_equal killed_in_each_effect_the_ledger_shows_everything_once "$wanted" "$(verdict)"
}

# ---- the positive control -------------------------------------------------------------------------
# A variant that asks under fresh keys after the restart, against a CA that executes repeats: the verdict
# above must see it, or it is worth nothing.
repeats_show() {
	ledger
	[ "$(jq .applications "$RIG/ledger.json")" -gt 12 ] || ! kill -0 "$rig_pid" 2>/dev/null
}

control_is_caught() {
	local program=$BIN/xuqid-fresh-keys
	[ -x "$program" ] || { not_ok the_control_is_caught "there is no $program" && return; }
	XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn $program"
	XUQI_DEMO_KNOBS=$(jq -n '{lenient: true,
		hold_after_commit_ms: {method: "POST", path: "/v1/applications", ms: 20000, once: true}}')
	export XUQI_DEMO_XUQID XUQI_DEMO_KNOBS
	begin
	wait_for 60 "the first application" has_fired
	kill_xuqid
	wait_for 60 "a second application of one certificate" repeats_show || true
	if [ "$(verdict)" != "$wanted" ] && [ "$(jq .applications "$RIG/ledger.json")" -gt 12 ]; then
		ok a_variant_that_repeats_under_fresh_keys_is_caught
	else
		not_ok a_variant_that_repeats_under_fresh_keys_is_caught "$(verdict)"
	fi
}

kill_at_random
kill_in_effects
control_is_caught
