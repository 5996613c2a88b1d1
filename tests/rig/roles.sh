#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who may call what: every route with a token of every role, without a token, with unknown, expired and revoked
# ones, and with one that is bound to another unit.  What is not allowed below must be refused; what the
# database holds is the same afterwards.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open

# method, path, roles that may call it.  Writes name rows that do not exist, so that nobody changes anything.
table() {
	cat <<-'TABLE'
		GET /v1/certificates operator finance approver handler auditor admin
		POST /v1/certificates/import operator admin
		POST /v1/policies/check operator finance approver handler auditor admin
		POST /v1/plans operator approver admin
		POST /v1/campaigns operator admin
		GET /v1/campaigns operator finance approver handler auditor admin
		GET /v1/campaigns/999999 operator finance approver handler auditor admin
		POST /v1/campaigns/999999/approvals approver
		POST /v1/campaigns/999999/run operator admin
		GET /v1/renewals operator finance approver handler auditor admin
		GET /v1/renewals/999999 operator finance approver handler auditor admin
		GET /v1/tasks operator finance approver handler auditor admin
		GET /v1/tasks/999999 operator finance approver handler auditor admin
		POST /v1/tasks/999999/done operator finance approver handler admin
		GET /v1/payments finance approver auditor admin
		POST /v1/payments/export finance
		GET /v1/payments/files/999999 finance auditor
		POST /v1/statements finance
		GET /v1/statements finance approver auditor admin
		GET /v1/matches finance approver auditor admin
		GET /v1/matches/999999 finance approver auditor admin
		POST /v1/matches/999999/confirm finance
		POST /v1/matches/999999/release finance
		POST /v1/matches/999999/reject finance
		GET /v1/invoices operator finance approver handler auditor admin
		POST /v1/agents/enrol-codes operator admin
		GET /v1/agents operator finance approver handler auditor admin
		POST /v1/agents/999999/revoke operator admin
		GET /v1/pins operator finance approver handler auditor admin
		POST /v1/pins/999999/clear operator admin
		GET /v1/holds operator finance approver handler auditor admin
		POST /v1/holds operator finance approver admin
		POST /v1/holds/999999/release operator approver admin
		GET /v1/doctor operator finance approver handler auditor admin
		POST /v1/organisation admin
		POST /v1/tokens admin
		GET /v1/tokens auditor admin
		POST /v1/tokens/999999/revoke admin
		GET /v1/people operator finance approver handler auditor admin
		POST /v1/people/find operator admin
		POST /v1/people/999999/reveal admin
		GET /v1/tasks/999999/files operator finance approver handler auditor admin
		GET /v1/files/999999 operator finance approver handler auditor admin
		POST /v1/files/999999/reveal admin
		GET /v1/privacy auditor admin
		POST /v1/privacy/erase admin
		POST /v1/privacy/check auditor admin
		POST /v1/certificates/upload operator handler admin
		POST /v1/renewals/999999/withdraw operator admin
		POST /v1/renewals/999999/hint operator handler admin
		POST /v1/tasks/done operator finance approver handler admin
		GET /v1/sittings operator finance approver handler auditor admin
		GET /v1/sittings/999999 operator finance approver handler auditor admin
		GET /v1/prices operator finance approver handler auditor admin
		POST /v1/prices operator finance admin
		POST /v1/prices/999999/approve finance approver admin
		POST /v1/tasks/999999/assign operator admin
		GET /v1/handlers operator handler auditor admin
		POST /v1/handlers/999999/leave operator handler admin
		POST /v1/handlers/999999/transfer operator admin
		GET /v1/notices operator finance approver handler auditor admin
		GET /v1/restore operator finance approver handler auditor admin
		GET /v1/cas operator finance approver handler auditor admin
		GET /v1/cas/999999 operator finance approver handler auditor admin
		POST /v1/cas/999999/limits operator admin
	TABLE
}
roles=(operator finance approver handler auditor admin)

# call METHOD PATH TOKEN: the answer in RIG/answer; says the status.
call() {
	local body=()
	[ "$1" = GET ] || body=(-d "${4:-{\}}")
	curl -sS -o "$RIG/answer" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $3" \
		-H 'Content-Type: application/json' "${body[@]}" "$XUQI_URL$2"
}

# verdict METHOD PATH TOKEN: allowed, denied, or what else came.
verdict() {
	local status
	status=$(call "$@")
	if [ "$status" = 403 ] && grep -q '"role [a-z]* may not do this"' "$RIG/answer"; then
		printf denied
	elif [ "$status" -ge 200 ] && [ "$status" -lt 500 ] && [ "$status" != 401 ] && [ "$status" != 405 ]; then
		printf allowed
	else
		printf '%s' "$status"
	fi
}

name_of() { printf '%s' "$1 $2" | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9\n' '_' | tr -s _ | sed 's/_$//'; }

new_token() { # LOGIN ROLE UNIT-OR-NOTHING
	as admin xuqi token create --login "$1" --name "$1" --role "$2" --days 2 ${3:+--unit "$3"} --out "$RIG/$1.token" >/dev/null
	cat "$RIG/$1.token"
}

# What the tables hold that no refusal may change; audit and the agents' times move by themselves.
fingerprint() {
	{
		as admin xuqi renewal list -o json | jq -c '[.items[] | {id, state}]'
		as finance xuqi payment list -o json
		as finance xuqi match list -o json
		as admin xuqi hold list -o json
		as admin xuqi agent list -o json | jq -c '[.items[] | {id, revoked_at}]'
		as admin xuqi campaign list -o json
	} | sha256sum
}

# ---- every route with every role --------------------------------------------------------------------
matrix() {
	local method path allowed role got wanted wrong
	while read -r method path allowed <&4; do
		wrong=
		for role in "${roles[@]}"; do
			wanted=denied
			[[ " $allowed " != *" $role "* ]] || wanted=allowed
			got=$(verdict "$method" "$path" "${token[$role]}")
			[ "$got" = "$wanted" ] || wrong="$wrong $role:$got"
		done
		expect_equal "only_${allowed// /_}_may_$(name_of "$method" "$path")" '' "$wrong"
	done 4< <(table)
}

# The table above names every route of the description, so that a new one is not forgotten here; a CA's notice
# (hooks) has no role: its signature is its right.
complete() {
	local described listed
	described=$(awk '/^  \//{p=$1} /^    (get|post|put|delete):/{print toupper($1) p}' "$SOURCE/schema/openapi.yaml" |
		tr -d : | sed 's/{[a-z_]*}/999999/g' | grep /v1/ | grep -v /v1/hooks/ | sort)
	listed=$(table | awk '{print $1 $2}' | sort)
	expect_equal every_described_route_is_tried "$described" "$listed"
}

# ---- tokens that open nothing -------------------------------------------------------------------------
closed() { # NAME TOKEN
	local method path rest status wrong=
	while read -r method path rest <&4; do
		status=$(call "$method" "$path" "$2")
		[ "$status" = 401 ] || wrong="$wrong $method$path:$status"
	done 4< <(table)
	expect_equal "$1_opens_nothing" '' "$wrong"
}

tokens() {
	local id revoked short
	closed an_unknown_token xq_000000000000000000000000000000000000000000000000
	closed an_empty_token ''
	closed a_token_with_sql "' or '1'='1"
	revoked=$(new_token rig_revoked admin '')
	expect_equal a_new_token_opens 200 "$(call GET /v1/tokens "$revoked")"
	id=$(as admin xuqi token list -o json | jq -r '.items[] | select(.login == "rig_revoked") | .id')
	as admin xuqi token revoke "$id" >/dev/null
	closed a_revoked_token "$revoked"
	short=$(new_token rig_expired admin '')
	query "update api_tokens set expires_at = now() where person_id = (select id from people where login = 'rig_expired')"
	closed an_expired_token "$short"
	expect_equal without_a_token_only_health_is_told "200 200 401" \
		"$(for path in /healthz /readyz /v1/renewals; do curl -sS -o /dev/null -w '%{http_code} ' "$XUQI_URL$path"; done | sed 's/ $//')"
}

# The database behind xuqid, for what no API does.
query() {
	local sockets
	sockets=$(sed -n '5p' "$STATE/xuqid/pgdata/postmaster.pid")
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid postgres --regid postgres --clear-groups psql -qAt -h "$sockets" -U xuqi xuqi -c "$1"
	else
		psql -qAt -h "$sockets" -U xuqi xuqi -c "$1"
	fi
}

# ---- units --------------------------------------------------------------------------------------------
# Nothing of ws-1's and ws-2's units is for somebody who is bound to ws-3's.
scope() {
	local unit=番禺分公司 role path got wrong id
	for role in operator finance approver handler auditor admin; do
		scoped[$role]=$(new_token "rig_south_$role" "$role" "$unit")
	done
	for path in /v1/certificates /v1/renewals /v1/agents; do
		call GET "$path?limit=200" "${scoped[auditor]}" >/dev/null
		expect_equal "a_person_of_one_unit_sees_that_unit_only_in$(name_of '' "$path")" "[\"$unit\"]" \
			"$(jq -c '[.items[].unit] | unique' "$RIG/answer")"
	done
	for path in /v1/payments /v1/matches /v1/invoices; do
		call GET "$path?limit=200" "${scoped[auditor]}" >/dev/null
		expect_equal "a_person_of_one_unit_sees_that_unit_only_in$(name_of '' "$path")" "$(query "select count(*) from $(table_of "$path") t
			join renewal_items r on r.id = t.renewal_id where r.unit = '$unit'")" "$(jq '.items | length' "$RIG/answer")"
	done
	id=$(as admin xuqi renewal list -o json | jq -r "[.items[] | select(.unit != \"$unit\")][0].id")
	expect_equal a_renewal_of_another_unit_is_absent 404 "$(call GET "/v1/renewals/$id" "${scoped[admin]}")"
	expect_equal a_renewal_of_another_unit_is_absent_by_its_serial 404 "$(call GET \
		"/v1/renewals/$(as admin xuqi renewal show "$id" -o json | jq -r .serial)" "${scoped[admin]}")"
	id=$(as admin xuqi campaign list -o json | jq -r '.items[0].id')
	expect_equal a_campaign_over_all_units_is_absent 404 "$(call GET "/v1/campaigns/$id" "${scoped[auditor]}")"
	expect_equal a_campaign_over_all_units_is_not_run 404 "$(call POST "/v1/campaigns/$id/run" "${scoped[operator]}" '{"commit":true}')"
	expect_equal a_campaign_over_all_units_is_not_approved 404 \
		"$(call POST "/v1/campaigns/$id/approvals" "${scoped[approver]}" '{"gate":"all","digest":"x"}')"
	id=$(as admin xuqi agent list -o json | jq -r '.items[] | select(.workstation == "ws-1") | .id')
	expect_equal an_agent_of_another_unit_is_not_revoked 404 "$(call POST "/v1/agents/$id/revoke" "${scoped[admin]}")"
	expect_equal a_workstation_of_another_unit_is_not_enrolled 403 \
		"$(call POST /v1/agents/enrol-codes "${scoped[operator]}" "{\"workstation\":\"ws-1\",\"unit\":\"$unit\"}")"
	expect_equal no_token_for_every_unit_by_one_unit 403 "$(call POST /v1/tokens "${scoped[admin]}" '{"login":"rig_more","role":"admin"}')"
	expect_equal no_token_for_another_unit 403 \
		"$(call POST /v1/tokens "${scoped[admin]}" '{"login":"rig_more","role":"admin","unit":"总部"}')"
	expect_equal no_token_in_the_name_of_a_person_elsewhere 403 \
		"$(call POST /v1/tokens "${scoped[admin]}" "{\"login\":\"approver\",\"role\":\"approver\",\"unit\":\"$unit\"}")"
	expect_equal no_revocation_of_a_token_elsewhere 404 "$(call POST /v1/tokens/1/revoke "${scoped[admin]}")"
	expect_equal no_organisation_by_one_unit 403 "$(call POST /v1/organisation "${scoped[admin]}" '{"legal_entities":[]}')"
	expect_equal no_code_for_another_unit 403 \
		"$(call POST /v1/agents/enrol-codes "${scoped[operator]}" '{"workstation":"ws-9","unit":"总部"}')"
	expect_equal no_hold_of_everything_by_one_unit 403 "$(call POST /v1/holds "${scoped[approver]}" '{"scope":"all","reason":"x"}')"
	expect_equal no_hold_of_another_unit 403 \
		"$(call POST /v1/holds "${scoped[approver]}" '{"scope":"unit","target":"总部","reason":"x"}')"
	expect_equal a_match_of_another_unit_is_not_confirmed 404 \
		"$(call POST "/v1/matches/$(match_elsewhere "$unit")/confirm" "${scoped[finance]}" '{"commit":true}')"
	expect_equal a_payment_file_with_other_units_is_absent 404 "$(call GET "/v1/payments/files/1" "${scoped[finance]}")"
	expect_equal a_row_of_another_unit_is_not_imported 422 "$(call POST /v1/certificates/import "${scoped[operator]}" \
		'{"commit":true,"rows":[{"row":2,"holder":"x","not_after":"2030-01-01T00:00:00Z","unit":"总部"}]}')"
	wrong=
	for path in $(query "select k.id from task_items k join units u on u.id = coalesce(k.set_unit_id, k.workstation_unit_id) where u.name <> '$unit'"); do
		got=$(call POST "/v1/tasks/$path/done" "${scoped[admin]}")
		[ "$got" = 403 ] || wrong="$wrong $path:$got"
	done
	expect_equal tasks_of_other_units_are_not_done '' "$wrong"
}

table_of() { # PATH: what it lists, with its renewal
	case $1 in
	/v1/payments) printf dues ;;
	/v1/matches) printf match_items ;;
	/v1/invoices) printf invoices ;;
	esac
}

match_elsewhere() {
	query "select m.id from match_items m join units u on u.id = m.unit_id where u.name <> '$1' order by m.id limit 1"
}

# ---- paths --------------------------------------------------------------------------------------------
paths() {
	local id method path rest got wrong
	for id in 0 -1 x 1x 1.5 99999999999999999999 '%00' '%27' '%2e%2e' '1%3Bdrop' '%F0%9F%98%80' '%ff'; do
		wrong=
		while read -r method path rest <&4; do
			[[ $path == *999999* ]] || continue
			got=$(call "$method" "${path/999999/$id}" "${token[${rest%% *}]}")
			[ "$got" = 404 ] || [ "$got" = 400 ] || wrong="$wrong $method$path:$got"
		done 4< <(table)
		expect_equal "the_path_part_$(printf '%s' "$id" | tr -c 'a-z0-9\n' '_')_names_nothing" '' "$wrong"
	done
	expect_equal a_wrong_method_is_told_the_right_one 405 "$(call DELETE /v1/renewals "${token[admin]}")"
}

rig_serve || exit 1
# shellcheck source=/dev/null
. "$STATE/env"
declare -A token scoped
for role in "${roles[@]}"; do
	token[$role]=$(new_token "rig_$role" "$role" '')
done
before=$(fingerprint)
complete
matrix
tokens
paths
scope
expect_equal nothing_changed "$before" "$(fingerprint)"
