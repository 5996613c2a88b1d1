# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The people of a campaign at a CA without an API, for manual.sh and kill_manual*.sh: each acts at the CA's own pages,
# its client and the bank with nothing but what their tasks show, and gives back what they saw in lists.  Wants
# $count certificates; the parts are the demo's (deploy/demo/parts.sh) and end with the script; $DIR is $STATE.
DIR=$STATE
act=run
# shellcheck disable=SC2034 # parts.sh reads them
source_dir=$SOURCE build=${BIN%/bin}
export DIR act PATH=$BIN:$PATH
# shellcheck source=deploy/demo/lib.sh
. "$SOURCE/deploy/demo/lib.sh"
# shellcheck source=deploy/demo/parts.sh
. "$SOURCE/deploy/demo/parts.sh"
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
	mapfile -t years < <(jq -r '.terms[] | "--term", "\(.years)=\(.price_fen / 100 | floor).\(.price_fen % 100 | tostring | if length == 1 then "0" + . else . end)"' "$work/page.json")
	as operator xuqi price propose "${years[@]}" --source "价目页面, $(date -u +%F)" \
		--agreement "$(jq -r .agreement.version "$work/page.json")" \
		--statement "$(jq -r '.statement.text // "本人确认申请续期"' "$work/page.json")" -o json >"$work/price.json"
	! as operator xuqi price approve "$(jq .id "$work/price.json")" --commit >/dev/null 2>&1 || return 1
	as approver xuqi price approve "$(jq .id "$work/price.json")" --commit >/dev/null
}

# An answer may be lost on the way: what is there already is not asked for again.
named() { items operator campaign list | jq -c --arg name "$1" 'select(.name == $name)'; }
is_created() { # NAME
	[ -n "$(named "$1")" ] ||
		as operator xuqi campaign create --name "$1" --policy "$work/policy.yaml" >/dev/null 2>>"$work/said"
}
is_running() { # NAME
	local id
	id=$(named "$1" | jq -r .id)
	as approver xuqi campaign show "$id" -o json >"$work/campaign.json" || return 1
	[ "$(jq -r .status "$work/campaign.json")" != running ] || return 0
	as approver xuqi campaign approve "$id" --gate all --digest "$(jq -r .digest "$work/campaign.json")" >/dev/null 2>>"$work/said"
	as operator xuqi campaign run "$id" --commit >/dev/null 2>>"$work/said"
}

campaign() { # NAME
	sed -e "s/^name: .*/name: $1\nca: manual/" -e "s/^concurrency: .*/concurrency: $count/" \
		"$SOURCE/deploy/demo/policy.yaml" >"$work/policy.yaml"
	wait_for 20 "campaign $1" is_created "$1"
	wait_for 20 "the start of campaign $1" is_running "$1"
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

# What the page of an application says of its remittance, as the card's columns; or nothing.
remittance_words() { # ANSWER
	jq -r 'if .code == null then "" elif .code == "REMITTANCE_NOT_FOUND" then "result=not_arrived"
		elif .code == "REMITTANCE_MISMATCH" then "result=remittance_refused\u001fremittance_reason=\(.reason)" else "other" end' "$1"
}

# What the pages say before anything stands at the CA, as the card's columns; or nothing.
page_words() { # PAGE: its price, agreement and kind against the card's
	local fen version kind
	IFS=$'\x1f' read -r fen version kind < <(jq -r --argjson years "${term//[^0-9]/}" \
		'"\(.terms[] | select(.years == $years) | .price_fen)\u001f\(.agreement.version)\u001f\(.kind)"' "$1")
	if [ "$(yuan "$fen")" != "$price" ]; then
		printf 'result=price_differs\x1fshown_price=%s' "$(yuan "$fen")"
	elif [ "$version" != "$(jq -r .values.agreement_version <<<"$card")" ]; then
		printf 'result=agreement_changed\x1fshown_agreement=%s' "$version"
	elif [ "$kind" = expired ] && [ "$(jq -r .values.kind <<<"$card")" != 过期 ]; then
		printf 'result=kind_mismatch'
	fi
}

# One sitting: the pages show agreement, price and kind, which must be the card's; then the four fields as they stand.
apply() {
	local words number reply=$work/applied.json
	page "$serial" >"$work/page.json"
	words=$(page_words "$work/page.json")
	if [ -n "$words" ]; then
		say_row "$1" "$words"
		return
	fi
	jq --slurpfile page "$work/page.json" --arg file "$(base64 -w0 <"$SOURCE/deploy/demo/attachment.pdf")" \
		'.values | {serial, agreement: .agreement_version, years: (.term | gsub("[^0-9]"; "") | tonumber), statement: true,
		handler_name, mobile: .handler_mobile, email: .invoice_email, payer_account, payer_name, amount, paid_at}
		+ if .kind == "过期" then {attachments: [$page[0].attachments.types[] | select(.required) | {type, filename: "form.pdf", data_b64: $file}]}
		else {} end' <<<"$card" | at_ca apply >"$reply"
	number=$(jq -r '.application_no // empty' "$reply")
	case $(jq -r '.code // empty' "$reply") in
	NOT_BOUND) say_row "$1" result=not_in_list ;;
	EXPIRED_TOO_LONG) say_row "$1" result=expired_too_long ;;
	*)
		words=$(remittance_words "$reply")
		if [ -z "$number" ] || [ "$words" = other ]; then
			cat "$reply" >>"$work/refused"
			return
		fi
		say_row "$1" "${words:-result=submitted}" "application=$number" "shown_price=$price" \
			"shown_agreement=$(jq -r .agreement.version "$work/page.json")" statement=agree
		;;
	esac
}

# 汇款信息: the payment page of the same application once more.
remit() {
	local words
	jq --arg no "$application" '.values | {application_no: $no, payer_account, payer_name, amount, paid_at}' <<<"$card" |
		at_ca remit >"$work/remitted.json"
	words=$(remittance_words "$work/remitted.json")
	[ "$words" != other ] || { cat "$work/remitted.json" >>"$work/refused" && return; }
	say_row "$1" "${words:-result=verified}"
}

# The SMS is a hint: the page of the application says what the result is.
review() {
	case $(see "applications/$application" | jq -r .state) in
	approved | issuing | issued) say_row "$1" result=approved ;;
	esac
}

invoice_file() {
	local stands number total buyer tax_id
	see "invoice?application_no=$application" >"$work/invoice.json"
	IFS=$'\x1f' read -r stands number total buyer tax_id < <(
		jq -r '[.state, .number, .total_fen, .buyer.name, .buyer.tax_id] | map(. // "" | tostring) | join("\u001f")' "$work/invoice.json")
	[ "$stands" = sent ] || return 0
	jq -r '.documents[0].data_b64' "$work/invoice.json" | base64 -d >"$work/evidence/$application.xml"
	say_row "$1" "number=$number" "total=$(yuan "$total")" "invoice_buyer=$buyer" "invoice_tax_id=$tax_id" "file=$application.xml"
}

# 证书续期 → 安装证书 in the client, once; the new certificate is exported for the inventory.
install_by_person() {
	local der
	[ ! -e "$work/acts/installed-$application" ] || return 0
	printf '{"serial":"%s"}' "$serial" | at_ca install >"$work/installed.json"
	for der in $(jq -r '.certificates[]?.der_b64' "$work/installed.json"); do
		printf '%s\n%s\n%s\n' '-----BEGIN CERTIFICATE-----' "$(fold -w 64 <<<"$der")" '-----END CERTIFICATE-----' >>"$work/new.pem"
		: >"$work/acts/installed-$application"
	done
}

# ---- rounds ---------------------------------------------------------------------------------------

# Every open card of PERSON (with $only: of that certificate) in turn, with the values that the task shows; the answers go back as one list.
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
		[ -z "${only:-}" ] || [ "$serial" = "$only" ] || continue
		case $kind in
		bind | apply | remit | review | invoice_file | install_by_person) "$kind" "$id" </dev/null ;;
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

# Finance: one file for the bank once every order is there ($orders of them), then the statement.
pay() {
	local file
	[ ! -e "$work/paid" ] || return 0
	items finance payment list >"$work/payments" || return 0
	if [ "$(jq -s '[.[] | select(.status == "open")] | length' "$work/payments")" -eq "${orders:-$count}" ]; then
		as finance xuqi payment export --commit >>"$work/done" 2>&1 || return 0
		items finance payment list >"$work/payments" || return 0
	fi
	for file in $(jq -rs '[.[].file // empty] | unique[]' "$work/payments"); do
		[ ! -e "$work/acts/file-$file" ] || continue
		as finance xuqi payment file "$file" --out "$work/bank.csv" >>"$work/done" 2>&1 || return 0
		: >"$work/paid"
		: >"$work/acts/file-$file"
		! declare -F before_the_bank >/dev/null || before_the_bank "$work/bank.csv"
		curl -sfS -X POST --data-binary @"$work/bank.csv" "$SIM_CONTROL/sim/bank/execute" >/dev/null
		curl -sfS -o "$work/statement.csv" "$SIM_CONTROL/sim/bank/statement?encoding=gb18030"
	done
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
