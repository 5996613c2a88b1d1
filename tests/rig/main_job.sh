#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job from report to invoice on real parts: deploy/quickstart's demo fleet, and then its tokens,
# the CA's ledger and the log of every C_Login looked at with other tools than our own.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
module=/usr/lib/softhsm/libsofthsm2.so
rig_open

# pkcs11 CONF PIN_FILE ARGUMENTS...: pkcs11-tool, logged in, on one token.
pkcs11() {
	local conf=$1 pin
	pin=$(cat "$2")
	shift 2
	SOFTHSM2_CONF=$conf PIN=$pin pkcs11-tool --module "$module" --login --pin env:PIN "$@" 2>>"$RIG/pkcs11.err"
}

# Every certificate object of a token as PEM: $RIG/tokens/LABEL/N.pem
read_certificates() {
	local label=$1 conf=$2 pin_file=$3 to=$RIG/tokens/$1 n=0 object
	mkdir -p "$to"
	pkcs11 "$conf" "$pin_file" -O -y cert | sed -n 's/^ *label: *//p' >"$to/labels"
	while IFS= read -r object; do
		n=$((n + 1))
		pkcs11 "$conf" "$pin_file" -r -y cert --label "$object" -o "$to/$n.der" >/dev/null </dev/null
		openssl x509 -inform der -in "$to/$n.der" -out "$to/$n.pem"
	done <"$to/labels"
	[ -s "$to/1.pem" ]
}

not_after() { date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d = -f 2)" +%s; }

# The new certificate whose key is for signing.
signing() {
	local file
	for file in $(later "$1"); do
		if openssl x509 -in "$file" -noout -ext keyUsage | grep -q 'Digital Signature'; then
			printf '%s' "$file"
			return
		fi
	done
}

# Certificates of a token that end later than anything xuqi was asked to renew.
later() {
	local file limit
	limit=$(date -d '+300 days' +%s)
	for file in "$RIG/tokens/$1"/*.pem; do
		[ "$(not_after "$file")" -lt "$limit" ] || printf '%s\n' "$file"
	done
}

# A key of the token signs, and the certificate verifies the signature.  The challenge is a digest, because
# SoftHSM signs with ECDSA alone, not with its hashing kin.
signs() { # CERTIFICATE CONF PIN_FILE
	local mechanism=SHA256-RSA-PKCS id input=$RIG/challenge
	head -c 64 /dev/urandom >"$RIG/challenge"
	openssl x509 -in "$1" -noout -pubkey >"$RIG/public.pem"
	if openssl x509 -in "$1" -noout -text | grep -q id-ecPublicKey; then
		openssl dgst -sha256 -binary -out "$RIG/digest" "$RIG/challenge"
		mechanism=ECDSA input=$RIG/digest
	fi
	for id in $(pkcs11 "$2" "$3" -O -y privkey | sed -n 's/^ *ID: *//p'); do
		pkcs11 "$2" "$3" --sign -m "$mechanism" --id "$id" --signature-format openssl \
			-i "$input" -o "$RIG/signature" >/dev/null 2>&1 || continue
		if openssl dgst -sha256 -verify "$RIG/public.pem" -signature "$RIG/signature" "$RIG/challenge"; then
			return 0
		fi
	done
	return 1
}

verifies() {
	openssl verify -CAfile "$STATE/settings/root.pem" -untrusted "$STATE/settings/chain.pem" "$1"
}

# What was written to a renewed token.
check_renewed() {
	local label=$1 conf=$2 pin=$3 wanted=1 count=0 file
	! awk -F '\t' -v t="$label" '$1 == t' "$SOURCE/deploy/demo/renewals.tsv" | grep -q sign,encrypt || wanted=2
	for file in $(later "$label"); do
		count=$((count + 1))
		expect "${label}_certificate_${count}_verifies_against_the_root" verifies "$file"
	done
	expect_equal "${label}_holds_its_new_certificates" "$wanted" "$count"
	expect "${label}_signs_with_the_renewed_key" signs "$(signing "$label")" "$conf" "$pin"
}

logins() { cat "$STATE"/logs/p11-*.log | grep C_Login | grep -c "serial=$1 " || true; }

serial_of() { jq -r --arg t "$1" 'select(.token_label == $t) | .token_serial' "$RIG/renewals"; }

check_token() {
	local label=$1 conf=$2 pin=$3
	read_certificates "$label" "$conf" "$pin" || not_ok "${label}_can_be_read" "$(tail -n 1 "$RIG/pkcs11.err")"
	expect_equal "${label}_saw_exactly_one_login" 1 "$(logins "$(serial_of "$label")")"
	if [ "$label" = "$wrong_pin" ]; then
		expect_equal "${label}_with_the_wrong_pin_is_unchanged" "" "$(later "$label")"
	else
		check_renewed "$label" "$conf" "$pin"
	fi
}

ledger() { jq -r "$1" "$RIG/ledger.json"; }

check_ledger() {
	expect_equal one_application_a_renewal 12 "$(ledger .applications)"
	expect_equal one_payment_a_renewal 12 "$(ledger .payments)"
	expect_equal one_transfer_a_renewal 12 "$(ledger .transfers)"
	expect_equal each_renewed_certificate_is_reported_installed 11 "$(ledger .installed)"
	# Asking too early whether the money has arrived is part of the demo; any other refusal is not.
	expect_equal the_only_refusals_say_not_arrived_yet "2 REMITTANCE_NOT_FOUND" \
		"$(ledger '[.refused[] | "\(.attempts) \(.code)"] | join(", ")')"
}

# What the people saw: the wrong PIN is one open task with one try, the rest is done.
check_lists() {
	expect_equal the_wrong_pin_waits_with_one_try pin:1 \
		"$(jq -r --arg t "$wrong_pin" 'select(.token_label == $t) | "\(.blocked_reason):\(.pin_tries)"' "$RIG/renewals")"
	expect_equal eleven_invoices_are_archived 11 "$(as operator xuqi invoice list -o json | jq '.items | length')"
	expect_equal one_suggestion_was_confirmed_and_released_by_another 1 \
		"$(as finance xuqi match list --verdict released -o json |
			jq '[.items[] | select(.by != .released_by)] | length')"
	expect_equal every_other_transfer_was_matched_by_its_reference 11 \
		"$(as finance xuqi match list --verdict auto -o json | jq '.items | length')"
	as operator xuqi task list --state all -o json >"$RIG/tasks.json"
	expect there_were_tasks test "$(jq '.items | length' "$RIG/tasks.json")" -gt 20
	expect_equal every_task_had_an_owner_a_deadline_and_a_word_on_being_ignored '[]' \
		"$(jq -c '[.items[] | select((.owner and .due_at and .instruction and .if_ignored) | not) | .kind] | unique' "$RIG/tasks.json")"
}

# No process of this machine names the state folder, and none works in it.
nothing_runs() {
	local file found=''
	for file in /proc/[0-9]*/cmdline; do
		if grep -qaF "$STATE/" "$file" 2>/dev/null; then found+=" ${file//[^0-9]/}"; fi
	done
	[ -z "$found" ] || { printf 'still there:%s\n' "$found" && return 1; }
}

foreign_is_refused() {
	! "$SOURCE/deploy/quickstart" --state "$RIG/foreign" --exit && [ -e "$RIG/foreign/file" ]
}

clean_removes() { quickstart --clean && [ ! -e "$STATE" ]; }

wrong_pin=$(awk -F '\t' '$7 == "wrong" { print $1 }' "$SOURCE/deploy/demo/renewals.tsv")
rig_serve || exit 1
expect_equal the_summary_says_11_done_1_waiting \
	'quickstart: renewals=12 done=11 waiting=1 failed=0' "$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
# shellcheck source=/dev/null
. "$STATE/env"
as operator xuqi renewal list -o json | jq -c '.items[]' >"$RIG/renewals"
curl -sf "$(jq -r .control "$STATE/settings/demo.json")/sim/ledger" >"$RIG/ledger.json"
check_lists
check_ledger
each_token check_token

rig_stop
expect nothing_is_left_running nothing_runs
expect_equal resume_tells_the_same 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
	"$(quickstart --resume --exit 2>"$RIG/err" | tail -n 1 | sed 's/ seconds=[0-9]*$//')"
mkdir "$RIG/foreign"
touch "$RIG/foreign/file"
expect a_folder_of_someone_else_is_left_alone foreign_is_refused
expect clean_removes_the_state clean_removes
