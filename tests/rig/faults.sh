#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CA accepts and does not say so: the answer is cut off after the effect, or it is an error 500.  The first six
# answers to every effect of the demo's campaign, with xuqid killed at random moments besides: one application and
# one payment for each certificate, by the CA's ledger and the bank.  (Held answers: kill.sh.)
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=300
export XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn ${XUQI_FAULT_PROGRAM:-$BIN/xuqid}"

# campaign KNOB: the demo against a CA whose answers are lost so, with ten kills on the way.
campaign() {
	local kills=0
	XUQI_DEMO_KNOBS=$(effects | jq -c --arg knob "$1" '{($knob): map(. + {times: 6})}')
	export XUQI_DEMO_KNOBS
	rig_begin
	until [ "$kills" -eq 10 ] || rig_has_settled; do
		sleep $((RANDOM % 3)).$((RANDOM % 10))
		kill_xuqid
		kills=$((kills + 1))
	done
	expect_once "$1"
	expect_equal "$1_xuqid_was_killed_ten_times" 10 "$kills"
	expect_lost "$1" "$1" 50
	rig_stop
}

campaign cut_after_body
campaign fail_after_commit
