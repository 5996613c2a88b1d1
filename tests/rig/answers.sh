#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Answers that are not the CA's, or not of this contract: unsigned or wrongly signed ones change nothing and are told to
# people; unknown states and members are survived.  The oracle is the CA's ledger.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=240

control() { jq -r .control "$STATE/settings/demo.json"; }
ledger() { curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"; }
set_knobs() { curl -sf -X PUT -d "$1" "$(control)/sim/knobs" >/dev/null; }
campaign_runs() { [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }
verdict() {
	jq -r '"applications=\(.applications) payments=\(.payments) declared=\(.declared) verified=\(.verified) " +
		"installed=\(.installed) transfers=\(.transfers) refused=" +
		([.refused[] | select(.code != "REMITTANCE_NOT_FOUND") | "\(.operation) \(.code)"] | join(","))' \
		"$RIG/ledger.json"
}
wanted='applications=12 payments=12 declared=12 verified=12 installed=11 transfers=12 refused='

states() { as operator xuqi renewal list -o json | jq -c '[.items[] | [.id, .state]]'; }
doctor() { as operator xuqi doctor -o json | jq -r '.items[].text' || true; }
log_tells() { grep -q 'event=gateway.answer_unsigned' "$STATE/logs/xuqid.log"; }
doctor_tells() { doctor | grep -q 'not signed'; }
some_applications() { ledger && [ "$(jq .applications "$RIG/ledger.json")" -ge 3 ] || ! kill -0 "$rig_pid" 2>/dev/null; }

# Effects whose answer cannot be believed, and states that nobody knows, a number of times each.
times() { jq -n --arg method "$1" --arg path "$2" '{$method, $path, times: 3}'; }
XUQI_DEMO_KNOBS=$(jq -n --argjson open "$(times POST /v1/applications)" --argjson pay "$(times POST /v1/payments)" \
	--argjson submit "$(times POST '/v1/applications/*/submit')" --argjson bind "$(times POST /v1/bindings)" \
	--argjson remit "$(times PUT '/v1/payments/*/remittance')" '{
		unsigned_200: [$open, $pay, $submit],
		bad_signature_200: [$bind, $remit],
		unknown: [{value: "state", times: 30}, {value: "member"}]}')
export XUQI_DEMO_KNOBS
rig_start
wait_for 240 "the campaign" campaign_runs
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

wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
ledger
expect_equal with_signed_answers_again_the_result_is_the_same 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
	"$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
expect_equal everything_happened_once_by_the_ledger "$wanted" "$(verdict)"
