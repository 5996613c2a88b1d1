#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One campaign, a branch for each of several certificates: the simulator's knobs are limited to one serial each.  For
# every branch: the task that was opened and its words, what the person does, the state it ends in, and the CA's
# ledger: nobody pays twice, whatever went wrong.
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open

control() { jq -r .control "$STATE/settings/demo.json"; }
serial_of() { jq -r --arg t "$1" 'select(.token_label == $t) | .serial' "$RIG/certificates"; }
renewal_of() { jq -r --arg t "$1" 'select(.token_label == $t) | .id' "$RIG/renewals"; }

# knob LABEL JSON: a rule for the one certificate of token LABEL.
rule() { jq -nc --arg serial "$(serial_of "$1")" --argjson rule "$2" '[$rule + {serial: $serial}]'; }

set_knobs() {
	jq -n \
		--argjson other_account "$(rule ukey-01 '{"times":1}')" \
		--argjson cancelled "$(rule ukey-02 '{"times":1}')" \
		--argjson remittance "$(rule ukey-04 '{"value":"payer_name","times":1}')" \
		--argjson review "$(jq -nc --argjson a "$(rule ukey-05 '{"value":"correctable","field":"intent","times":1}')" \
			--argjson b "$(rule ukey-07 '{"value":"final","times":1}')" '$a + $b')" \
		--argjson invoice "$(rule ukey-09 '{"value":"wrong_buyer","times":1}')" \
		--argjson refund_ms "$(rule ukey-07 '{"value":45000}')" \
		--argjson issue "$(rule ukey-11 '{"value":"subject","times":1}')" \
		'{scan_other_account: $other_account, cancel_at_confirm: $cancelled, remittance_fail: $remittance, review: $review,
		  refund_ms: $refund_ms, invoice: $invoice, issue_wrong: $issue}' >"$RIG/knobs"
	curl -sf -X PUT -d @"$RIG/knobs" "$(control)/sim/knobs" >/dev/null
}

is_planned() { [ -s "$STATE/lists/campaign.json" ] && [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }
lists() {
	as operator xuqi cert list -o json | jq -c '.items[]' >"$RIG/certificates"
	as operator xuqi renewal list -o json | jq -c '.items[]' >"$RIG/renewals"
}
state_of() { as operator xuqi renewal show "$(renewal_of "$1")" -o json | jq -r .state; }
has_state() { [ "$(state_of "$1")" = "$2" ]; }
open_task() { # LABEL KIND
	as admin xuqi task list --kind "$2" -o json |
		jq -r --arg r "$(renewal_of "$1")" '.items[] | select((.renewal | tostring) == $r) | .id' | head -n 1 | tee "$RIG/task"
}
has_task() { [ -n "$(open_task "$1" "$2")" ]; }

# branch LABEL KIND PERSON WORDS ANSWER...: the task KIND of LABEL's renewal says WORDS; PERSON does it.
branch() {
	local label=$1 kind=$2 person=$3 words=$4 id
	shift 4
	wait_for 240 "$kind of $label" has_task "$label" "$kind" || { not_ok "${label}_opens_$kind" 'no such task' && return 0; }
	id=$(open_task "$label" "$kind")
	as "$person" xuqi task show "$id" -o json >"$RIG/shown"
	expect "${label}_${kind}_says_what_it_is_about" grep -q "$words" "$RIG/shown"
	expect "${label}_${kind}_has_a_deadline_and_a_word_on_being_ignored" jq -e '.due_at and .if_ignored' "$RIG/shown"
	[ $# -eq 0 ] || expect "${label}_${kind}_is_done_by_$person" as "$person" xuqi task 'done' "$id" "$@" --commit
}

ends_as() { # LABEL STATE
	wait_for 240 "$2 of $1" has_state "$1" "$2" || true
	expect_equal "$1_ends_as_$2" "$2" "$(state_of "$1")"
}

rig_start
wait_for 240 "the campaign" is_planned
# shellcheck source=/dev/null
. "$STATE/env"
lists
expect the_simulator_takes_the_knobs set_knobs

branch ukey-01 bind_differs handler BINDING_OTHER_ACCOUNT --set again=yes
branch ukey-04 remittance finance payer_name --set retry=yes
branch ukey-05 correction handler 经办人 --set name=王芳 --set mobile=13800138000
branch ukey-07 refund finance XQ
branch ukey-11 renewal operator ISSUED_WRONG
branch ukey-09 invoice finance 'tax id'
for label in ukey-01 ukey-02 ukey-03 ukey-04 ukey-05; do ends_as "$label" "done"; done
ends_as ukey-07 refunded
ends_as ukey-09 disputed
ends_as ukey-11 approved
expect_equal ukey_02_made_another_code 1 "$(as operator xuqi renewal show "$(renewal_of ukey-02)" -o json |
	jq '[.timeline[] | select(.event == "binding_expired")] | length')"
expect_equal ukey_07_is_withdrawn_no_more 1 "$(as operator xuqi renewal withdraw "$(renewal_of ukey-07)" --reason x 2>&1 | grep -c 'any more')"

curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"
expect_equal one_application_payment_and_transfer_for_each '12 12 12' \
	"$(jq -r '"\(.applications) \(.payments) \(.transfers)"' "$RIG/ledger.json")"
expect_equal one_refund '1' "$(jq -r .refunds "$RIG/ledger.json")"
rig_stop
