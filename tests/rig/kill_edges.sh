#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid before and after the statement of every edge of the state table, and of every record that it makes
# besides, each once; kills during the recovery; and the same with two xuqid at work on one database.  The points
# come from the program's own table; what the demo campaign cannot reach is listed.  Whatever xuqid says of
# itself, the verdict comes from the CA's ledger, the bank and the tokens' log.
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=300
program=${XUQI_KILL_PROGRAM:-$BIN/xuqid-kill-points}
export XUQI_KILL_POINTS=$RIG/points XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn $program"
mkdir "$RIG/points"

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

XUQI_KILL_LIST=edges "$program" >"$RIG/list"
notes='agreement_accepted intent_stated'

# arm WHEN...: before, after
arm() {
	local name when
	while IFS= read -r name <&6; do
		for when in "$@"; do : >"$RIG/points/$name.$when"; done
	done 6< <(cat "$RIG/list" && tr ' ' '\n' <<<"$notes")
	armed_before=$(armed)
}

# left [PATTERN]: the points that have not fired.
left() { find "$RIG/points" -type f -name "${1:-*}" -printf '%f\n' | sort; }
armed() { left | grep -vc '^recovery' || true; }

# Second kills: at the N-th statement after a start.
arm_recovery() { local n && for n in 1 2 3 5 8 13 21 34; do : >"$RIG/points/recovery.$n"; done; }

some_kills() { [ "$(armed)" -le $((armed_before - 12)) ] || ! kill -0 "$rig_pid" 2>/dev/null; }

# What the timelines of this campaign show: edges as FROM.EVENT.TO, else the event.  Planning was before the kills.
journaled() {
	local id
	# shellcheck source=/dev/null
	. "$STATE/env"
	for id in $(as operator xuqi renewal list -o json | jq -r '.items[].id'); do
		as operator xuqi renewal show "$id" -o json
	done | jq -r '.timeline[] | if .to == null then .event else "\(.from).\(.event).\(.to)" end' |
		grep -v -e '^planned\.' -e '_gate_opened$' | sort -u
}

begin() {
	rig_start
	wait_for 240 "the campaign" campaign_runs
	kill -0 "$rig_pid"
}

logins_of_the_wrong_pin() {
	local serial
	serial=$(cat "$STATE/tokens/$(awk -F '\t' '$7 == "wrong" { print $1 }' "$SOURCE/deploy/demo/renewals.tsv")/serial")
	cat "$STATE"/logs/p11-*.log | grep C_Login | grep -c "serial=$serial " || true
}

# finish NAME: the end of the campaign, and the verdict from outside.
finish() {
	wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
	ledger
	expect_equal "$1_the_result_is_the_same" 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
		"$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
	expect_equal "$1_the_ledger_shows_everything_once" "$wanted" "$(verdict)"
	expect_equal "$1_the_wrong_PIN_was_tried_once" 1 "$(logins_of_the_wrong_pin)"
}

# Which points fired: every one that the campaign's journal can have passed.
count_points() { # NAME WHEN...
	local name=$1 missed='' unarmed='' point when
	shift
	journaled >"$RIG/journaled"
	while IFS= read -r point <&6; do
		grep -qx "$point" <(cat "$RIG/list" && tr ' ' '\n' <<<"$notes") || unarmed+=" $point"
		for when in "$@"; do
			[ ! -e "$RIG/points/$point.$when" ] || missed+=" $point.$when"
		done
	done 6<"$RIG/journaled"
	expect_equal "${name}_every_event_of_its_journal_has_its_points" "" "$unarmed"
	# A kill at one point can hit another statement between its commit and our reading of it: that one is not repeated.
	expect "${name}_killed_at_every_edge_and_record_of_its_journal" test "$(wc -w <<<"$missed")" -le 2
	printf '# %s: %d edges and events in its journal, hit by another kill: %s\n' "$name" "$(wc -l <"$RIG/journaled")" "${missed:-none}"
	printf '# %s: killed at %d of %d points, this campaign takes other ways than: %s\n' "$name" \
		$((armed_before - $(armed))) "$armed_before" \
		"$(left | sed 's/\.\(before\|after\)$//' | sort -u | tr '\n' ' ')"
}

each_edge() {
	begin
	arm before after
	wait_for 120 "the first kills" some_kills || true
	arm_recovery
	finish each_edge
	expect_equal "each_edge_killed_again_during_the_recovery" "" "$(left 'recovery.*' | tr '\n' ' ')"
	count_points each_edge before after
	rig_stop
}

# ---- two at work ----------------------------------------------------------------------------------
# A second xuqid on the first one's database, with agents of nobody.
second_settings() {
	local sockets
	sockets=$(sed -n 5p "$STATE/xuqid/pgdata/postmaster.pid")
	mkdir -p "$RIG/two/state"
	chmod 755 "$RIG/two" "$RIG/two/state"
	cp -p "$STATE"/xuqid/privacy.key "$RIG/two/state/" 2>/dev/null || true
	sed -e "s|^state_dir: .*|state_dir: \"$RIG/two/state\"|" -e 's|^  port: .*|  port: 0|' "$STATE/settings/xuqid.yaml"
	printf 'database:\n  url: "host=%s dbname=xuqi user=xuqi"\n' "$sockets"
}

second_stop() {
	[ -z "${second:-}" ] || kill -TERM "$second" 2>/dev/null || true
	[ -z "${second:-}" ] || wait "$second" || true
	second=
}
trap 'second_stop; rig_close' EXIT

second_is_ready() { grep -qs '^ready ' "$RIG/two/out" || ! kill -0 "$second" 2>/dev/null; }

two_at_work() {
	rm -f "$RIG/points"/*
	begin
	mkdir -p "$RIG/two"
	second_settings >"$RIG/two/xuqid.yaml"
	env RIG="$RIG/two" "$SOURCE/tests/rig/respawn" "$program" --settings "$RIG/two/xuqid.yaml" \
		>"$RIG/two/out" 2>"$RIG/two/err" &
	second=$!
	wait_for 60 "the second xuqid" second_is_ready
	arm after
	finish two_at_work
	expect "two_at_work_both_have_worked" grep -q 'event=renewal.moved' "$RIG/two/err"
	second_stop
	rig_stop
}

# ---- the positive control -------------------------------------------------------------------------
repeats_show() { ledger && [ "$(jq .applications "$RIG/ledger.json")" -gt 12 ] || ! kill -0 "$rig_pid" 2>/dev/null; }

# Fresh keys after a kill between the CA's commit and ours, against a CA that executes repeats.
control_is_caught() {
	rm -f "$RIG/points"/*
	XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn $BIN/xuqid-kill-points-fresh-keys"
	XUQI_DEMO_KNOBS=$(jq -n '{lenient: true}')
	export XUQI_DEMO_XUQID XUQI_DEMO_KNOBS
	begin
	: >"$RIG/points/bound.application_opened.drafting.before"
	wait_for 90 "a second application of one certificate" repeats_show || true
	if [ "$(jq .applications "$RIG/ledger.json")" -gt 12 ]; then
		ok "a_variant_that_repeats_under_fresh_keys_is_caught"
	else
		not_ok "a_variant_that_repeats_under_fresh_keys_is_caught" "$(verdict)"
	fi
	rig_stop
}

each_edge
two_at_work
control_is_caught
