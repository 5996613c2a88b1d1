#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Personal data of the demo: whole in the CA's hands, in none of the database, its dump, xuqid's log or its other
# files; masked by role, taken by whom it is for, erased on request.  The same search must find it all
# where xuqid-unsealed ran instead.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
id_no=44010119900307123X
mobile=13800138000

pg() { # PROGRAM ARGUMENTS...
	local data=$STATE/xuqid/pgdata bins=(/usr/lib/postgresql/*/bin) program=$1
	shift
	"${bins[-1]}/$program" -U xuqi -d xuqi -h "$(sed -n 5p "$data/postmaster.pid")" \
		-p "$(sed -n 4p "$data/postmaster.pid")" "$@"
}

# Every form a value can stand in: as it is, in hex, in base64 at each of its three places.
forms() { # FILE OF VALUES
	local value shift text
	while IFS= read -r value; do
		printf '%s\n' "$value"
		printf '%s' "$value" | od -An -v -tx1 | tr -d ' \n'
		printf '\n'
		for shift in '' x xx; do
			text=$(printf '%s' "$shift$value" | base64 -w0)
			text=${text:$((${#shift} * 4 / 3 + (${#shift} > 0)))}
			printf '%s\n' "${text:0:$((${#text} - 4))}"
		done
	done <"$1"
}

# Where any of them stands: the dump, the server's own files, everything else that xuqid wrote.
search() {
	pg pg_dump >"$RIG/dump.sql"
	[ "$(grep -c 'INSERT\|COPY' "$RIG/dump.sql")" -gt 10 ] || printf 'no dump\n'
	pg psql -qc checkpoint >/dev/null
	grep -laFf "$RIG/forms" "$RIG/dump.sql" || true
	grep -rlaFf "$RIG/forms" "$STATE/xuqid" "$STATE"/logs/xuqid* || true
}

# counts FILE: how many different values FILE shows in any form.
found_in() {
	local value n=0
	while IFS= read -r value; do
		printf '%s\n' "$value" >"$RIG/one"
		forms "$RIG/one" >"$RIG/one.forms"
		! grep -qaFf "$RIG/one.forms" "$1" || n=$((n + 1))
	done <"$RIG/values"
	printf '%d\n' "$n"
}

# What must never be found: mobile, addresses, id number, the attachment by its text and its name.
values() {
	printf '%s\n' "$mobile" "$id_no" "It proves nothing." "attachment.pdf"
	printf '%s@example.com\n' operator approver finance finance2 handler
}

# The demo, and an id number for its handler, which no argument list ever shows.
run_demo() {
	rig_serve || exit 1
	# shellcheck source=/dev/null
	. "$STATE/env"
	printf '%s\n' "$id_no" | as admin xuqi token create --login handler --name 王芳 --role handler --days 2 \
		--id-no - --out "$RIG/handler.token" >/dev/null
}

masks() {
	as operator xuqi person list --login handler -o json | jq -r '.items[0] | [.mobile, .email, .id_no] | join(" ")'
}

file_of() { # the handler's file of the demo: its id
	local task
	task=$(as handler xuqi task list --kind attachment --state all -o json | jq -r '[.items[] | select(.state == "done")][0].id')
	as operator xuqi file list "$task" -o json | jq -r '.items[0].id'
}

by_role() {
	local file
	expect_equal an_operator_sees_masks '138****8000 h***@example.com 440***********123X' "$(masks)"
	expect_equal the_person_sees_their_own "$mobile $id_no" \
		"$(as handler xuqi person list --login handler -o json | jq -r '.items[0] | [.mobile, .id_no] | join(" ")')"
	expect_equal a_number_finds_its_person handler \
		"$(printf '%s\n' "$mobile" | as operator xuqi person find --mobile - -o json | jq -r '.items[].login')"
	expect_equal another_number_finds_nobody 0 \
		"$(printf '13800138001\n' | as operator xuqi person find --mobile - -o json | jq '.items | length')"
	expect_equal an_admin_sees_it_with_a_reason "$id_no" "$(as admin xuqi person reveal \
		"$(as admin xuqi person list --login handler -o json | jq '.items[0].id')" --reason 'rig: call back' -o json | jq -r .id_no)"
	expect_equal and_the_audit_says_so 'admin rig: call back' \
		"$(pg psql -qAtc "select actor || ' ' || (detail->>'reason') from audit where action = 'personal.revealed'")"
	file=$(file_of)
	expect the_handler_fetches_the_file as handler xuqi file fetch "$file" --out "$RIG/fetched"
	expect it_is_the_file_that_was_given cmp "$RIG/fetched" "$SOURCE/deploy/demo/attachment.pdf"
	expect_equal an_operator_does_not 1 "$(as operator xuqi file fetch "$file" --out "$RIG/stolen" >/dev/null 2>&1 && printf 0 || printf 1)"
	expect an_admin_does_with_a_reason as admin xuqi file reveal "$file" --reason 'rig: a court asks' --out "$RIG/revealed"
	expect_equal every_look_is_in_the_audit '1 2' "$(pg psql -qAtc "select count(*) filter (where action = 'file.fetched') || ' ' ||
		count(*) filter (where action = 'personal.revealed') from audit")"
	expect_equal an_auditor_proves_a_file_by_its_mark 'true false' "$(for given in "$RIG/fetched" "$SOURCE/README.md"; do
		as auditor_rig xuqi privacy check --mark "$(pg psql -qAtc "select mark from task_files where id = $file")" --attach "$given" -o json |
			jq .fits
	done | paste -sd' ')"
	expect_equal no_key_is_missing_and_nothing_is_clear 'true true 0' \
		"$(as auditor_rig xuqi privacy status -o json | jq -r '"\(.items[0].seals) \(.items[0].in_file) \(.clear)"')"
}

erase() {
	local open
	open=$(as admin xuqi renewal list -o json | jq -r '[.items[] | select(.state | IN("done", "failed", "withdrawn", "refunded") | not)] | length')
	expect_equal a_renewal_is_open 1 "$open"
	as admin xuqi privacy erase --person handler --commit >"$RIG/refusal" 2>&1 || true
	expect who_is_needed_is_not_erased grep -q 'is the handler of renewals that are not through' "$RIG/refusal"
	as admin xuqi privacy erase --person finance2 --commit >/dev/null
	expect_equal who_is_not_is null "$(as admin xuqi person list --login finance2 -o json | jq -r '.items[0].email')"
	expect_equal and_the_audit_keeps_a_mark sm1. "$(pg psql -qAtc "select left(detail->'marks'->>'email', 4) from audit
		where action = 'personal.erased'")"
}

values >"$RIG/values"
forms "$RIG/values" >"$RIG/forms"
run_demo
expect_equal the_demo_ends_as_ever 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
	"$(grep '^quickstart: ' "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
as admin xuqi token create --login auditor_rig --name auditor_rig --role auditor --days 2 --out "$STATE/people/auditor_rig.token" >/dev/null
by_role
erase
expect_equal no_personal_data_in_dump_database_log_or_files '' "$(search | tr '\n' ' ')"
rig_stop
quickstart --clean >/dev/null 2>&1
export XUQI_DEMO_XUQID=$BIN/xuqid-unsealed
run_demo
search >"$RIG/found"
expect a_variant_that_seals_nothing_is_caught grep -q dump.sql "$RIG/found"
expect_equal in_every_value "$(wc -l <"$RIG/values")" "$(found_in "$RIG/dump.sql")"
