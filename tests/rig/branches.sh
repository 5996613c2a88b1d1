#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every branch of a renewal, all at once: a fleet in which each certificate takes another one (branches.table), because
# the simulator's knobs are limited to one serial each.  For every branch: the tasks that are opened, their words, their
# deadline, who does them; the state that it ends or waits in; and the CA's and the bank's ledger for that certificate.
# And every knob of the simulator, with every word of it, is in the table, or in the script that the table names.
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
# shellcheck source=tests/rig/fleet.sh
. "$SOURCE/tests/rig/fleet.sh"
table=$SOURCE/tests/rig/branches.table

# KNOB and KNOB:WORD, as the simulator tells them.
knobs_there() {
	curl -sf "$SIM_CONTROL/sim/knobs" | jq -r '.help | to_entries[] | .key as $knob
		| $knob, (.value | capture(":(?<words> [a-z0-9_ ]+ )$") // {words: ""} | .words | scan("[a-z0-9_]+") | "\($knob):\(.)")' | sort -u
}

# What another script shows: that script names the knob.
elsewhere() {
	local knob script
	while read -r _ knob script; do
		! grep -q "${knob%%:*}" "$SOURCE/tests/rig/$script" || printf '%s\n' "$knob"
	done < <(grep '^elsewhere ' "$table")
}

knobs_shown() {
	{
		player words "$table" "$DIR"
		elsewhere
	} | sort -u
}

fleet_open "$table" || die "the fleet could not be made"
expect_equal every_knob_of_the_simulator_is_shown '' "$(comm -23 <(knobs_there) <(knobs_shown) | tr '\n' ' ')"
player play "$table" "$DIR" "${XUQI_BRANCHES_SECONDS:-480}"

# ---- the transfer that lost its reference: suggested, confirmed by one person, released by another -------
expect_equal one_transfer_without_its_reference_was_released_by_two_people 'R3 released' \
	"$(as finance xuqi match list -o json | jq -r '.items[] | select(.rule != "R1") | "\(.rule) \(.verdict)"' | sort -u)"

# ---- notices --------------------------------------------------------------------------------------
notices() { grep -h "event=gateway.notice$1" "$DIR"/logs/xuqid*.log; }

expect notices_wake_renewals notices ' .*verdict=woken'
expect a_notice_that_comes_twice_counts_once notices ' .*verdict=again'
expect an_older_notice_is_dropped notices ' .*verdict=older'
expect a_notice_signed_wrongly_is_refused notices '_refused '
# Refused once, it comes again signed right, and is taken then.
refused=$(notices '_refused ' | sed -n 's/.* id=\([^ ]*\).*/\1/p' | head -n 1)
expect and_taken_when_it_comes_signed_right notices " .*id=$refused .*verdict=\(woken\|older\)"

# ---- an invoice by phone and code (途径二), which the CA says is wrong at first ---------------------
curl -sfS -X PUT -d '{"phone_code_wrong_times": 2}' "$SIM_CONTROL/sim/knobs" >/dev/null
player invoices "$(sim_said gateway)" "$(sim_said ca)" "$DIR/secrets/gateway" 13800138000 >"$RIG/invoices"
expect_equal a_code_from_the_phone_is_wrong_twice_then_right 'CODE_WRONG CODE_WRONG open' "$(head -n 1 "$RIG/invoices")"
number=$(as finance xuqi invoice list -o json | jq -r --arg r "$(as operator xuqi renewal list -o json |
	jq -r '.items[] | select(.token_label == "as_usual") | .id')" '.items[] | select(.renewal | tostring == $r) | .number')
expect_equal the_phone_shows_the_invoice_that_is_archived "$number %PDF" "$(grep "^$number " "$RIG/invoices")"
expect_equal the_CA_counts_one_login 1 "$(curl -sf "$SIM_CONTROL/sim/ledger" | jq .invoice_logins)"
