#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A campaign of 40 at a CA without an API, from the first task to done, with the command line alone: the handler,
# the operator and finance act at the CA's own pages, its client and the bank with nothing but what their tasks show,
# and give back what they saw in lists.  The CA's ledger says whether each was applied for and paid once.
# seconds: 240
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
count=${XUQI_MANUAL_COUNT:-40}
# shellcheck source=tests/rig/hands.sh
. "$SOURCE/tests/rig/hands.sh"

# ---- the day --------------------------------------------------------------------------------------

umask 077
parts_folders
mkdir -p "$work/evidence" "$work/acts"
chmod 755 "$DIR" # PostgreSQL runs as another user when we are root
: >"$DIR/run/ports"
XUQI_DEMO_KNOBS='{"bank_drop_reference_nth": 0, "not_arrived_times": 0}' parts_start_simulator
parts_start_xuqid
people
fleet
expect a_price_list_wants_two_people prices
campaign manual
wait_for 30 "the first cards" all_cards_are_there || true
expect_equal the_first_sittings_are_about_half_an_hour yes \
	"$(items handler sitting list --mine | jq -rs 'if length > 0 and all(.[]; .minutes <= 33) then "yes" else tostring end')"
first=$(items handler sitting list --mine | jq -rs '.[0].sitting')
as handler xuqi sitting print "$first" --out "$work/sheet.txt" --csv "$work/sheet.csv"
expect the_sheet_names_pages_and_buttons grep -q '【获取二维码】' "$work/sheet.txt"
task=$(as handler xuqi task list --mine --kind bind -o json | jq -r '.items[0].id')
printf 'task,result\n%s,perhaps\n%s,confirmed\n' "$task" 999999 >"$work/wrong.csv"
expect_equal a_list_with_errors_is_refused_whole "result task" \
	"$(as handler xuqi task "done" --csv "$work/wrong.csv" --commit -o json | jq -r '[.errors[].column] | unique | join(" ")')"
as operator xuqi hold all --reason audit -o json >"$work/hold.json"
expect_equal a_held_card_is_not_finished refused \
	"$(as handler xuqi task "done" "$task" --set result=confirmed --set wechat=w --set client_version=4.7.6 --commit >/dev/null 2>&1 || echo refused)"
as operator xuqi hold release "$(jq .id "$work/hold.json")" >/dev/null
as approver xuqi hold release "$(jq .id "$work/hold.json")" >/dev/null
! declare -F before_rounds >/dev/null || before_rounds
rounds || true
expect_equal every_renewal_is_done "done=$count" "$(states)"
curl -sf "$SIM_CONTROL/sim/ledger" >"$RIG/ledger.json"
for list in applications transfers declared installed invoices; do
	expect_equal "the_ledger_has_${count}_${list}" "$count" "$(jq -r ".$list | if type == \"array\" then length else . end" "$RIG/ledger.json")"
done
expect_equal the_ca_refused_nothing 0 "$(jq '[.refused[]] | length' "$RIG/ledger.json")"
expect_equal every_invoice_is_archived "$count" "$(items operator invoice list | jq -s '[.[] | select(.state == "archived")] | length')"
expect_equal no_card_is_left_open 0 "$(items admin task list | wc -l)"
if [ -s "$work/refused" ]; then sed 's/^/# /' "$work/refused"; fi
