#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Answers that are not the CA's, or not of this contract: unsigned or wrongly signed ones change nothing and are told to
# people; unknown states and members are survived.  The oracle is the CA's ledger.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=240

states() { as operator xuqi renewal list -o json | jq -c '[.items[] | [.id, .state]]'; }
doctor() { as operator xuqi doctor -o json | jq -r '.items[].text' || true; }
log_tells() { grep -q 'event=gateway.answer_unsigned' "$STATE/logs/xuqid.log"; }
doctor_tells() { doctor | grep -q 'not signed'; }
some_applications() { [ "$(applications)" -ge 3 ] || quickstart_died; }

# Effects whose answer cannot be believed, and states that nobody knows, a number of times each.
times() { jq -n --arg method "$1" --arg path "$2" '{$method, $path, times: 3}'; }
XUQI_DEMO_KNOBS=$(jq -n --argjson open "$(times POST /v1/applications)" --argjson pay "$(times POST /v1/payments)" \
	--argjson submit "$(times POST '/v1/applications/*/submit')" --argjson bind "$(times POST /v1/bindings)" \
	--argjson remit "$(times PUT '/v1/payments/*/remittance')" '{
		unsigned_200: [$open, $pay, $submit],
		bad_signature_200: [$bind, $remit],
		unknown: [{value: "state", times: 30}, {value: "member"}]}')
export XUQI_DEMO_KNOBS
rig_begin
# shellcheck source=/dev/null
. "$STATE/env"

wait_for 90 "three applications" some_applications
set_knobs '{"bad_signature_200": true, "unsigned_200": false}'
sleep 3 # what was under way before
before=$(states)
sleep 6
expect_equal wrongly_signed_answers_move_nothing "$before" "$(states)"
expect the_log_tells_of_them log_tells
expect the_doctor_tells_of_them doctor_tells
set_knobs '{"bad_signature_200": false, "unsigned_200": true}'
sleep 3
expect_equal unsigned_answers_move_nothing "$before" "$(states)"
set_knobs '{"unsigned_200": false}'

expect_once with_signed_answers_again
