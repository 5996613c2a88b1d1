#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid before and after the transaction of every edge of the state table and of every line of the journal
# that the demo's campaign passes, from the plan to the invoice, each once, and of a share of the tables; kills during
# the recovery, and once of the embedded PostgreSQL with it; and the same with two xuqid at work on one database.
# Whatever xuqid says of itself, the verdict comes from the CA's ledger, the bank and the tokens' log.
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
. "$SOURCE/tests/rig/points.sh"
RIG_PATIENCE=300

some_kills() { [ "$(wc -l <"$RIG/points/kills")" -ge 15 ] || quickstart_died; }

each_edge() {
	leases_end 40
	points_begin
	arm "before after" "kind <> 'record'"
	wait_for 240 "the campaign" campaign_runs
	arm "before after" "$(share 4)"
	wait_for 120 "the first kills" some_kills
	arm_recovery
	expect_once each_edge
	expect_equal each_edge_killed_again_during_the_recovery "" "$(recoveries_left)"
	points_count each_edge
	expect_its_points each_edge
	rig_stop
}

# With leases that run out by themselves.  What was missed before is first: there it is not missed again.
two_at_work() {
	local names
	leases_run
	points_begin
	missed each_edge >"$RIG/again"
	names=$(sed "s/.* \(.*\)/'\1'/" "$RIG/again" | paste -sd ,)
	[ -z "$names" ] || arm "before after" "name in ($names)"
	wait_for 240 "the campaign" campaign_runs
	second_start env RIG="$RIG/two" "$SOURCE/tests/rig/respawn" "${XUQI_KILL_PROGRAM:-$BIN/xuqid-kill-points}"
	arm after "kind <> 'record' and $(share 2)"
	expect_once two_at_work
	expect two_at_work_both_have_worked grep -q 'event=renewal.moved' "$RIG/two/err"
	points_count two_at_work
	expect_equal every_point_on_the_way_has_killed "" "$(comm -23 "$RIG/again" "$RIG/two_at_work.killed" | tr '\n' ',')"
	printf '# at the second campaign, because another kill was faster: %s\n' "$(tr '\n' ',' <"$RIG/again")"
	second_stop
	rig_stop
}

# The positive control: fresh keys after a kill between the CA's commit and ours, against a CA that executes repeats.
control_is_caught() {
	XUQI_DEMO_KNOBS=$(jq -n '{lenient: true}')
	export XUQI_DEMO_KNOBS
	points_begin "$BIN/xuqid-kill-points-fresh-keys"
	arm before "name = 'bound.application_opened.drafting'"
	expect_repeats a_variant_that_repeats_under_fresh_keys_is_caught
	rig_stop
}

each_edge
two_at_work
control_is_caught
