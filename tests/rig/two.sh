#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two xuqid at work on one database.  The CA holds answers for longer than a lease, so that the other one takes the
# renewal over and asks what became of it while the first still waits; and the second (the first serves the people)
# is frozen for longer than a lease, and goes on afterwards as if nothing had happened.  The fence must refuse what
# comes too late, and the CA's ledger must show everything once.
# seconds: 300
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=240 LEASE=10

hold_of() { jq -n --arg method "$1" --arg path "$2" --argjson ms $(((LEASE + 4) * 1000)) \
	'{hold_after_commit_ms: {method: $method, path: $path, ms: $ms, once: true}}'; }
has_fired() { [ "$(knob hold_after_commit_ms)" = false ] || quickstart_died; }

freeze_second() {
	kill -STOP "$second"
	sleep $((LEASE + 2))
	kill -CONT "$second"
}

both_logs() { cat "$STATE/logs/xuqid.log" "$RIG/two/err"; }

effects='POST /v1/bindings
POST /v1/applications
PUT /v1/applications/*/term
POST /v1/applications/*/submit
POST /v1/payments
PUT /v1/payments/*/remittance
POST /v1/applications/*/install-reports'

XUQI_DEMO_KNOBS=$(hold_of POST /v1/bindings)
export XUQI_DEMO_KNOBS
rig_begin
second_start "$BIN/xuqid"
while read -r method path <&5; do
	[ "$path" = /v1/bindings ] ||
		set_knobs "$(hold_of "$method" "$path")"
	wait_for 90 "$method $path" has_fired || break
done 5<<<"$effects" &
holds=$!
for _ in 1 2 3; do
	freeze_second
	sleep 2
done
wait "$holds" || true
expect_once two_at_work
expect the_first_has_worked grep -q 'event=renewal.moved' "$STATE/logs/xuqid.log"
expect the_second_has_worked grep -q 'event=renewal.moved' "$RIG/two/err"
expect a_taken_over_effect_was_asked_about grep -q 'event=effect.asked' <(both_logs)
expect what_came_too_late_was_refused_by_the_fence grep -Eq 'in other hands|given back already' <(both_logs)
printf '# %d refusals by the fence, %d questions\n' "$(both_logs | grep -Ec 'in other hands|given back already')" \
	"$(both_logs | grep -c 'event=effect.asked')"
