#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid before and after every edge and journal line of the ways that only a CA without an API has (payment
# first): prices and agreement that change before the fee is sent; what the pages say after it (not in the list, expired,
# never, not arrived, another name); an order that no bank executes; and a credit that pays in the next campaign.  People go
# on where they were; the CA's ledger and the bank show each application and each payment once, and no refusal but theirs.
# seconds: 420
# long
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
. "$SOURCE/tests/rig/points.sh"
count=7
# shellcheck source=tests/rig/hands.sh
. "$SOURCE/tests/rig/hands.sh"

# The certificates, by what befalls them.
# shellcheck disable=SC2034 # plain is in no condition
plain=1 unbound=2 expires=3 never=4 unpaid=5 late=6 misspelt=7

serial_of() { jq -r .serial "$work/enrolled-$1.json"; }
befalls() { jq -n --arg serial "$(serial_of "$1")" "{\$serial} + $2" | curl -sfS -X POST --data-binary @- "$SIM_CONTROL/sim/certificates" >/dev/null; }
knob_of() { # CERTIFICATE KNOB RULE
	jq -n --arg serial "$(serial_of "$1")" "{$2: ($3 + {\$serial})}" | curl -sfS -X POST --data-binary @- "$SIM_CONTROL/sim/knobs" >/dev/null
}
renewal_of() { items operator renewal list | jq -rs --arg service "机构证书-$1" '[.[] | select(.service == $service)] | max_by(.id | tonumber) | .id'; }
state_of() { items operator renewal list | jq -r --arg id "$1" 'select((.id | tostring) == $id) | .state'; }

# ---- before the fee is sent -----------------------------------------------------------------------

# The bind card of one certificate alone.
bind_one() {
	only=$(serial_of "$1")
	work_off handler
	only=
}
is_in() { [ "$(state_of "$1")" = "$2" ]; }
approves() {
	as approver xuqi campaign show "$1" -o json >"$work/shown.json" &&
		as approver xuqi campaign approve "$1" --gate all --digest "$(jq -r .digest "$work/shown.json")" >>"$work/said" 2>&1
}
goes_back_to_the_gates() {
	bind_one "$plain"
	is_in "$first" awaiting_approval
}

# Somebody else's sitting meets the new agreement, and the next person reads it on the page.
agreement_changes() {
	curl -sfS -X PUT -d '{"agreement_changes": 1}' "$SIM_CONTROL/sim/knobs" >/dev/null
	jq -n --arg serial "$(serial_of "$plain")" --arg version "$(page "$(serial_of "$plain")" | jq -r .agreement.version)" \
		'{$serial, agreement: $version, years: 1, statement: true, handler_name: "x", mobile: "13800138000"}' | at_ca apply >"$work/changed.json"
	jq -e '.code == "AGREEMENT_CHANGED"' "$work/changed.json" >/dev/null
}

before_the_fee() {
	first=$(renewal_of "$plain")
	curl -sfS -X PUT -d '{"price_add_fen": 1000}' "$SIM_CONTROL/sim/knobs" >/dev/null
	insist prices
	wait_for 60 "the price that changed" goes_back_to_the_gates
	insist approves "$id"
	wait_for 60 "its order" is_in "$first" awaiting_payment
	agreement_changes
	insist prices
}

insist() {
	local n
	for n in {1..20}; do
		! "$@" || return 0
		sleep 0.5
	done
	printf '# gave up after %d times: %s\n' "$n" "$*"
	return 1
}

# ---- after it -------------------------------------------------------------------------------------

reference_of() { # CERTIFICATE
	items finance payment list | jq -r --arg id "$(renewal_of "$1")" 'select((.renewal | tostring) == $id) | .reference' >"$work/reference"
	[ -s "$work/reference" ]
}

# The bank leaves one line out; what befalls the others comes before their sittings.
before_the_bank() { # FILE
	[ ! -e "$work/befallen" ] || return 0
	: >"$work/befallen"
	insist reference_of "$unpaid"
	grep -vF "$(cat "$work/reference")" "$1" >"$1.less"
	mv "$1.less" "$1"
	befalls "$unbound" '{bound: false}'
	befalls "$expires" '{expires: "now"}'
	knob_of "$never" refuse '{value: "expired_too_long", method: "POST", path: "/sim/person/apply", times: 1}'
	knob_of "$late" not_arrived_times '{value: 3, times: 1}'
	knob_of "$misspelt" remittance_fail '{value: "payer_name", times: 1}'
}

# What the bank did not execute is withdrawn, and finance says so; the remittance is put right.
others_act() {
	local id task
	id=$(renewal_of "$unpaid")
	if [ -e "$work/read" ] && [ "$(state_of "$id")" = awaiting_payment ] && [ ! -e "$work/second" ]; then
		as operator xuqi renewal withdraw "$id" --reason "the bank does not execute it" --commit >>"$work/said" 2>&1 || true
	fi
	for task in $(items finance task list | jq -r 'select(.kind == "refund") | .id'); do
		as finance xuqi task "done" "$task" --set outcome=never_paid --set evidence=statement --commit >>"$work/said" 2>&1 || true
	done
	for task in $(items finance task list | jq -r 'select(.kind == "remittance") | .id'); do
		as finance xuqi task "done" "$task" --set retry=yes --commit >>"$work/said" 2>&1 || true
	done
	if [ -n "$(items operator renewal list | jq -r 'select(.state == "awaiting_approval") | .id')" ]; then
		approves "$id_of_campaign" || true
	fi
}

# rounds_until STATES
rounds_until() {
	local deadline=$((SECONDS + ${RIG_PATIENCE:-240})) before='' now
	until now=$(states) && [ "$now" = "$1" ]; do
		[ "$now" = "$before" ] || printf '# %s %s\n' "$SECONDS" "$now"
		before=$now
		[ "$SECONDS" -lt "$deadline" ] || return 1
		work_off handler || true
		work_off operator || true
		upload_new || true
		pay || true
		read_statement || true
		others_act || true
		sleep 0.3
	done
}

# ---- the day --------------------------------------------------------------------------------------

# What the command line says when xuqid is away is not worth a line each time.
exec 2> >(grep -v -e ' cannot be reached: ' -e ': no whole answer from ' >&2)
points_folder
leases_end 40
umask 077
parts_folders
mkdir -p "$work/evidence" "$work/acts"
chmod 755 "$DIR" # PostgreSQL runs as another user when we are root
: >"$DIR/run/ports"
XUQI_DEMO_KNOBS='{"bank_drop_reference_nth": 0, "not_arrived_times": 0}' parts_start_simulator
parts_start_xuqid
people
fleet
prices
campaign first
id_of_campaign=$(jq -r .id "$work/campaign.json")
wait_for 30 "the first cards" all_cards_are_there
in_database -f "$SOURCE/tests/rig/points.sql"
arm "before after" "kind <> 'record'"
id=$id_of_campaign before_the_fee
rounds_until 'done=5 failed=1 withdrawn=1' || true
expect_equal one_is_told_never_and_one_was_never_paid 'done=5 failed=1 withdrawn=1' "$(states)"
# The next campaign renews these two: one with the credit, one with a transfer of its own.
: >"$work/second"
rm -f "$work/paid" "$work/read" "$work/statement.csv"
orders=1
campaign second
id_of_campaign=$(jq -r .id "$work/campaign.json")
rounds_until 'done=7 failed=1 withdrawn=1' || true
expect_equal the_next_campaign_renews_both 'done=7 failed=1 withdrawn=1' "$(states)"

ledger
cp "$RIG/ledger.json" "$STATE/logs/ledger.json"
for list in applications transfers declared verified installed invoices; do
	expect_equal "the_ledger_has_7_${list}" 7 "$(jq -r ".$list | if type == \"array\" then length else . end" "$RIG/ledger.json")"
done
expect_equal no_certificate_has_two_applications 7 "$(jq '[.details.applications[].certificate] | unique | length' "$RIG/ledger.json")"
expect_equal the_ca_refused_what_the_ways_provoke_and_nothing_twice \
	'AGREEMENT_CHANGED=1 EXPIRED_TOO_LONG=1 NOT_BOUND=1 REMITTANCE_MISMATCH=1 REMITTANCE_NOT_FOUND=3' \
	"$(jq -r '.refused | group_by(.code) | map("\(.[0].code)=\(map(.attempts) | add)") | join(" ")' "$RIG/ledger.json")"
expect_equal each_card_was_asked_once 'apply=10 bind=10 invoice_file=7 remit=4 review=7' \
	"$(items admin task list --state all | jq -rs 'map(select(.kind | IN("apply", "bind", "invoice_file", "remit", "review"))) | group_by(.kind) | map("\(.[0].kind)=\(length)") | join(" ")')"
expect_equal the_credit_paid_once 'used 1' "$(in_database -c "select string_agg(state, ',') || ' ' || count(*) from credits")"
points_count manual_branches
expect_its_points manual_branches
expect_equal every_armed_point_on_the_way_has_killed "" "$(missed manual_branches | tr '\n' ',')"
if [ -s "$work/refused" ]; then sed 's/^/# /' "$work/refused"; fi
