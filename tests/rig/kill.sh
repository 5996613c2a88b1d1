#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CA commits an effect and holds its answer for longer than xuqid waits: the first three calls of every effect of the
# demo's campaign, and xuqid is killed with SIGKILL in the first of each.  Whatever xuqid says of itself, the verdict
# comes from the CA's ledger and the bank: each renewal applied for, paid and reported once, nothing repeated.
# kill_edges.sh has the variant that this verdict must catch.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
export XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn ${XUQI_KILL_PROGRAM:-$BIN/xuqid}"
RIG_PATIENCE=300 TIMES=3

XUQI_DEMO_TIMEOUT_MS=1000
XUQI_DEMO_KNOBS=$(effects | jq -c --argjson times "$TIMES" '{hold_after_commit_ms: map(. + {ms: 2500, $times})}')
export XUQI_DEMO_TIMEOUT_MS XUQI_DEMO_KNOBS

has_fired() { # METHOD PATH
	[ "$(knob hold_after_commit_ms | jq --arg method "$1" --arg path "$2" \
		'[.[]? | select(.method == $method and .path == $path) | .times] | first // 0')" -lt "$TIMES" ] || quickstart_died
}

rig_begin
while IFS=$'\t' read -r method path <&5; do
	wait_for 90 "$method $path" has_fired "$method" "$path" || break
	kill_xuqid
	ok "killed_while_the_CA_held_the_answer_to_${method}_${path//[^a-z]/_}"
done 5< <(effects | jq -r '.[] | [.method, .path] | @tsv')
expect_once held
expect_lost held hold_after_commit_ms 25
