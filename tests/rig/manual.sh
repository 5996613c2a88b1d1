#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A campaign of 40 at a CA without an API, from the first task to done, with the command line alone: the handler,
# the operator and finance act at the CA's own pages, its client and the bank with nothing but what their tasks show,
# and give back what they saw in lists.  The CA's ledger says whether each was applied for and paid once.
# seconds: 240
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
DIR=$STATE
act=run
# shellcheck disable=SC2034 # parts.sh reads them
source_dir=$SOURCE build=${BIN%/bin}
export DIR act PATH=$BIN:$PATH
# shellcheck source=deploy/demo/lib.sh
. "$SOURCE/deploy/demo/lib.sh"
# shellcheck source=deploy/demo/parts.sh
. "$SOURCE/deploy/demo/parts.sh"
count=${XUQI_MANUAL_COUNT:-40}
work=$DIR/work
holder=$(jq -r '.legal_entities[0].name' "$SOURCE/deploy/demo/organisation.json")
uscc=$(jq -r '.legal_entities[0].uscc' "$SOURCE/deploy/demo/organisation.json")

# What rig_close ends: the children of the demo's parts.
rig_stop() {
	[ ! -e "$DIR/run" ] || parts_stop
}

# ---- the company, its list of certificates, the CA's price list -----------------------------------

person() { # LOGIN NAME ROLE [OPTION...]
	as admin xuqi token create --login "$1" --name "$2" --role "$3" --days 30 \
		--email "$1@example.com" --out "$DIR/people/$1.token" "${@:4}" >/dev/null 2>>"$work/said"
}

people() {
	install -m 600 "$DIR/xuqid/admin.token" "$DIR/people/admin.token"
	as admin xuqi org apply "$SOURCE/deploy/demo/organisation.json" >/dev/null
	person operator 李伟 operator
	person approver 陈静 approver
	person finance 黄丽 finance
	person handler 王芳 handler --mobile 13800138000 --legal-entity "$uscc" \
		--authorised-until "$(date -u -d '+1 year' +%F)"
}

# An old certificate for each service, as the CA issued it a year ago; exported by hand, for there is no agent.
enrol() { # N
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key-$1.pem" \
		-subj "/CN=$1" -out "$work/$1.csr" 2>/dev/null
	jq -n --rawfile csr "$work/$1.csr" --arg service "机构证书-$1" --arg holder "$holder" --arg uscc "$uscc" \
		--arg from "$(date -u -d '-330 days' +%FT%TZ)" --arg to "$(date -u -d "+$((10 + $1)) days" +%FT%TZ)" \
		'{csr_pem: $csr, usage: "both", $service, $holder, $uscc, not_before: $from, not_after: $to}' |
		curl -sfS -X POST --data-binary @- "$SIM_CONTROL/sim/enrol" >"$work/enrolled-$1.json"
	jq -r .certificate_pem "$work/enrolled-$1.json" >>"$work/old.pem"
	printf '%s,%s,机构证书-%s,--,%s,总部,handler\n' "$holder" "$uscc" "$1" \
		"$(TZ=CST-8 date -d "+$((10 + $1)) days" +%F)" >>"$work/list.csv"
}

fleet() {
	local n
	printf 'holder,uscc,service,media_no,not_after,unit,handler\n' >"$work/list.csv"
	for n in $(seq "$count"); do enrol "$n"; done
	as operator xuqi cert import "$work/list.csv" --commit >/dev/null
	as operator xuqi cert upload "$work/old.pem" >"$work/upload.dry" 2>>"$work/said"
	as operator xuqi cert upload "$work/old.pem" --commit >/dev/null
}

page() { curl -sfS "$SIM_CONTROL/sim/person/page?serial=$1"; }

# Read from the CA's page by one person, approved by another.
prices() {
	page "$(jq -r .serial "$work/enrolled-1.json")" >"$work/page.json"
	local years
	years=$(jq -r '[.terms[] | "--term", "\(.years)=\(.price_fen / 100 | floor).\(.price_fen % 100 | tostring | if length == 1 then "0" + . else . end)"] | @sh' "$work/page.json")
	eval "set -- $years"
	as operator xuqi price propose "$@" --source "价目页面, $(date -u +%F)" \
		--agreement "$(jq -r .agreement.version "$work/page.json")" \
		--statement "$(jq -r '.statement.text // "本人确认申请续期"' "$work/page.json")" -o json >"$work/price.json"
	! as operator xuqi price approve "$(jq .id "$work/price.json")" --commit >/dev/null 2>&1 || return 1
	as approver xuqi price approve "$(jq .id "$work/price.json")" --commit >/dev/null
}

campaign() {
	sed -e 's/^name: .*/name: manual\nca: manual/' -e "s/^concurrency: .*/concurrency: $count/" \
		"$SOURCE/deploy/demo/policy.yaml" >"$work/policy.yaml"
	as operator xuqi campaign create --name manual --policy "$work/policy.yaml" -o json >"$work/campaign.json"
	local id
	id=$(jq -r .id "$work/campaign.json")
	as approver xuqi campaign approve "$id" --gate all --digest "$(jq -r .digest "$work/campaign.json")" >/dev/null 2>>"$work/said"
	as operator xuqi campaign run "$id" --commit >/dev/null 2>>"$work/said"
}

# ---- what a person does with one card: its values in, the answer's columns out ---------------------

# A row of the list that goes back: TASK COLUMN=VALUE...
say_row() {
	{ printf '%s\x1f' "task=$1" "${@:2}" && printf '\n'; } >"$work/acts/$1"
	cat "$work/acts/$1" >>"$work/rows"
}

yuan() { printf '%d.%02d' "$(($1 / 100))" "$(($1 % 100))"; }
at_ca() { curl -sS -X POST --data-binary @- "$SIM_CONTROL/sim/person/$1"; }
see() { curl -sS "$SIM_CONTROL/sim/person/$1"; }

# 获取二维码, 扫码, then compare the confirm page's lines with the card's.
bind() {
	printf '{"serial":"%s"}' "$serial" | at_ca bind >"$work/confirm.json"
	jq -e --arg holder "$holder_shown" --arg service "$service" \
		'any(.certificates[]; .holder == $holder and .service == $service)' "$work/confirm.json" >/dev/null || return 0
	say_row "$1" result=confirmed wechat=wangfang client_version=4.7.10
}

# One sitting: the pages show agreement and price, which must be the card's; then the four fields as they stand.
apply() {
	local fen version number
	IFS=$'\x1f' read -r fen version < <(page "$serial" | jq -r --argjson years "${term//[^0-9]/}" \
		'"\(.terms[] | select(.years == $years) | .price_fen)\u001f\(.agreement.version)"')
	if [ "$(yuan "$fen")" != "$price" ]; then
		say_row "$1" result=price_differs "shown_price=$(yuan "$fen")"
		return
	fi
	number=$(jq '.values | {serial, agreement: .agreement_version, years: (.term | gsub("[^0-9]"; "") | tonumber), statement: true,
		handler_name, mobile: .handler_mobile, email: .invoice_email, payer_account, payer_name, amount, paid_at}' <<<"$card" |
		at_ca apply | tee "$work/applied.json" | jq -r '.application_no // empty')
	if [ -z "$number" ] || ! jq -e '.code == null' "$work/applied.json" >/dev/null; then
		cat "$work/applied.json" >>"$work/refused"
		return
	fi
	say_row "$1" result=submitted "application=$number" "shown_price=$(yuan "$fen")" "shown_agreement=$version" statement=agree
}

# The SMS is a hint: the page of the application says what the result is.
review() {
	case $(see "applications/$application" | jq -r .state) in
	approved | issuing | issued) say_row "$1" result=approved ;;
	esac
}

invoice_file() {
	local state number total buyer tax_id
	see "invoice?application_no=$application" >"$work/invoice.json"
	IFS=$'\x1f' read -r state number total buyer tax_id < <(
		jq -r '[.state, .number, .total_fen, .buyer.name, .buyer.tax_id] | map(. // "" | tostring) | join("\u001f")' "$work/invoice.json")
	[ "$state" = sent ] || return 0
	jq -r '.documents[0].data_b64' "$work/invoice.json" | base64 -d >"$work/evidence/$application.xml"
	say_row "$1" "number=$number" "total=$(yuan "$total")" "invoice_buyer=$buyer" "invoice_tax_id=$tax_id" "file=$application.xml"
}

# 证书续期 → 安装证书 in the client; the new certificate is exported for the inventory.
install_by_person() {
	local der
	for der in $(printf '{"serial":"%s"}' "$serial" | at_ca install | jq -r '.certificates[]?.der_b64'); do
		printf '%s\n%s\n%s\n' '-----BEGIN CERTIFICATE-----' "$(fold -w 64 <<<"$der")" '-----END CERTIFICATE-----' >>"$work/new.pem"
	done
}

# ---- rounds ---------------------------------------------------------------------------------------

# Every open card of PERSON in turn, with the values that the task shows; the answers go back as one list.
work_off() { # PERSON
	local id kind serial application price term holder_shown service card
	: >"$work/rows"
	as "$1" xuqi task list --mine -o json | jq -r '.items[] | ([.id, .kind, .values.serial, .values.application, .values.price,
		.values.term, .values.holder, .values.service] | map(. // "" | tostring)) + [tojson] | join("\u001f")' >"$work/cards"
	while IFS=$'\x1f' read -r id kind serial application price term holder_shown service card <&6; do
		if [ -e "$work/acts/$id" ]; then # done already; xuqi did not take the list
			cat "$work/acts/$id" >>"$work/rows"
			continue
		fi
		case $kind in
		bind | apply | review | invoice_file | install_by_person) "$kind" "$id" </dev/null ;;
		esac
	done 6<"$work/cards"
	[ -s "$work/rows" ] || return 0
	jq -rRn '[inputs | split("\u001f") | map(select(. != "") | capture("^(?<key>[^=]+)=(?<value>.*)$")) | from_entries]
		| (map(keys) | add | unique) as $heads | ($heads, (.[] | . as $row | $heads | map($row[.] // ""))) | @csv' \
		"$work/rows" >"$work/answers.csv"
	as "$1" xuqi task "done" --csv "$work/answers.csv" --evidence "$work/evidence" >"$work/dry" 2>&1 ||
		{ cat "$work/dry" >>"$work/refused" && return 0; }
	as "$1" xuqi task "done" --csv "$work/answers.csv" --evidence "$work/evidence" --commit >>"$work/done"
}

upload_new() {
	[ -s "$work/new.pem" ] || return 0
	as operator xuqi cert upload "$work/new.pem" --commit >>"$work/done" && rm "$work/new.pem"
}

# Finance: one file for the bank once every order is there, then the statement.
pay() {
	[ ! -e "$work/paid" ] || return 0
	[ "$(items finance payment list --status open | wc -l)" -eq "$count" ] || return 0
	as finance xuqi payment export --commit --out "$work/bank.csv" >>"$work/done" 2>&1 || return 0
	: >"$work/paid"
	curl -sfS -X POST --data-binary @"$work/bank.csv" "$SIM_CONTROL/sim/bank/execute" >/dev/null
	curl -sfS -o "$work/statement.csv" "$SIM_CONTROL/sim/bank/statement?encoding=gb18030"
}

read_statement() {
	[ -e "$work/statement.csv" ] && [ ! -e "$work/read" ] || return 0
	as finance xuqi statement import "$work/statement.csv" --commit >>"$work/done" && : >"$work/read"
}

states() { items operator renewal list | jq -rs 'group_by(.state) | map("\(.[0].state)=\(length)") | join(" ")'; }

rounds() {
	local deadline=$((SECONDS + 200)) before='' now
	until now=$(states) && [ "$now" = "done=$count" ]; do
		[ "$now" = "$before" ] || printf '# %s %s\n' "$SECONDS" "$now"
		before=$now
		[ "$SECONDS" -lt "$deadline" ] || return 1
		work_off handler
		work_off operator
		upload_new
		pay
		read_statement
		sleep 0.3
	done
}

all_cards_are_there() { [ "$(items handler task list --mine --kind bind | wc -l)" -eq "$count" ]; }

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
campaign
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
