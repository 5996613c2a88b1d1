#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What must be refused is refused clearly, naming the place and the remedy, and changes nothing: a damaged
# statement, an unknown settings key, a policy with an error, an agent without enrolment, a revoked agent,
# a header of 200 MiB, a body over its limit, a payee that changes.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=120

# refused NAME PATTERN COMMAND...: COMMAND fails, and what it says matches PATTERN.
refused() {
	local name=$1 pattern=$2
	shift 2
	if "$@" >"$RIG/said" 2>&1; then
		not_ok "$name" "it was accepted"
	elif grep -qE "$pattern" "$RIG/said"; then
		ok "$name"
	else
		not_ok "$name" "it says: $(tr '\n' ' ' <"$RIG/said" | tail -c 300)"
	fi
}

# What the lists show, as one number: equal before and after a refusal.
fingerprint() {
	{
		as finance xuqi statement list -o json
		as finance xuqi match list -o json
		as finance xuqi payment list -o json
		as operator xuqi renewal list -o json | jq '.items | map({id, state, blocked_reason})'
		as operator xuqi campaign list -o json
	} | sha256sum
}

unchanged() { expect_equal "$1_changed_nothing" "$before" "$(fingerprint)"; }

demo() { jq -r ".$1" "$STATE/settings/demo.json"; }

# ---- inputs ---------------------------------------------------------------------------------------
a_damaged_statement() {
	iconv -f GB18030 -t UTF-8 "$STATE/lists/statement.csv" >"$RIG/whole.csv"
	sed '0,/200\.00/s//2OO.00/' "$RIG/whole.csv" >"$RIG/letter.csv"
	refused a_statement_with_a_letter_in_an_amount 'row [0-9]+' \
		as finance xuqi statement import "$RIG/letter.csv" --commit
	{ head -n 8 "$RIG/whole.csv" && sed -n 9p "$RIG/whole.csv" | cut -d , -f 1-2; } >"$RIG/cut.csv"
	refused a_statement_cut_in_the_middle_of_a_row 'row 9' \
		as finance xuqi statement import "$RIG/cut.csv" --commit
	sed 9d "$RIG/whole.csv" >"$RIG/gap.csv"
	refused a_statement_without_one_of_its_rows 'row 9.*export the file .*again' \
		as finance xuqi statement import "$RIG/gap.csv" --commit
	head -c 700 "$STATE/lists/statement.csv" | sed 's/....$//' | head -c -1 >"$RIG/bytes.csv"
	printf '\377\377' >>"$RIG/bytes.csv"
	refused a_statement_of_broken_characters 'byte [0-9]+' \
		as finance xuqi statement import "$RIG/bytes.csv" --commit
	unchanged a_damaged_statement
}

an_unknown_setting() {
	sed 's/^name:.*/&\nca: nope/' "$SOURCE/deploy/demo/policy.yaml" >"$RIG/nope.yaml"
	refused a_policy_for_a_ca_that_is_not_there 'nope.yaml: ca: there is no CA nope' \
		as operator xuqi policy check "$RIG/nope.yaml"
	sed 's/^people:/peopel:/' "$STATE/settings/xuqid.yaml" >"$RIG/xuqid.yaml"
	refused an_unknown_settings_key "xuqid.yaml:[0-9]+:[0-9]+: .*peopel.*people" \
		xuqid --settings "$RIG/xuqid.yaml" --check
}

a_bad_policy() {
	sed 's/^terms: .*/terms: [many]/' "$SOURCE/policies/default.yaml" >"$RIG/bad.yaml"
	refused a_policy_with_an_error 'bad.yaml:[0-9]+:[0-9]+: ' as operator xuqi policy check "$RIG/bad.yaml"
	refused a_campaign_of_a_policy_with_an_error 'bad.yaml:[0-9]+:[0-9]+: ' \
		as operator xuqi campaign create --name bad --policy "$RIG/bad.yaml"
	unchanged a_bad_policy
}

# ---- agents ---------------------------------------------------------------------------------------
agent_get() { # CURL-OPTION...
	curl -sS --cacert "$(demo agent_ca)" -w '\n%{http_code}\n' "$@" "$(demo agents)/v1/agent/orders"
}

answers() { # NAME CODE WORD COMMAND...: the HTTP answer has this status and names this code
	local name=$1 status=$2 word=$3 said
	shift 3
	said=$("$@" 2>&1) || true
	if [ "$(tail -n 1 <<<"$said")" = "$status" ] && grep -q "$word" <<<"$said"; then
		ok "$name"
	else
		not_ok "$name" "$(tr '\n' ' ' <<<"$said" | tail -c 300)"
	fi
}

agents() {
	local id
	answers an_agent_without_a_certificate 401 AGENT_UNKNOWN agent_get
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=nobody \
		-keyout "$RIG/own.pem" -out "$RIG/own.crt" 2>/dev/null
	cat "$RIG/own.crt" >>"$RIG/own.pem"
	refused_or_401 an_agent_with_a_certificate_of_its_own_making agent_get --cert "$RIG/own.pem"
	answers an_enrolled_agent_is_heard 200 orders agent_get --cert "$STATE/agents/ws-3/identity.pem"
	id=$(as operator xuqi agent list -o json | jq -r '.items[] | select(.workstation == "ws-3") | .id')
	as operator xuqi agent revoke "$id" >/dev/null
	answers a_revoked_agent 403 AGENT_REVOKED agent_get --cert "$STATE/agents/ws-3/identity.pem"
}

# The handshake may fail already; what must not happen is an answer.
refused_or_401() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1) && [ "$(tail -n 1 <<<"$said")" != 401 ]; then
		not_ok "$name" "$said"
	else
		ok "$name"
	fi
}

# ---- sizes ----------------------------------------------------------------------------------------
resident_kib() { awk '/^VmHWM/ { print $2 }' "/proc/$(cat "$STATE/run/xuqid")/status"; }

# 200 MiB of one header line: answered as too large, and no memory is spent on it.
a_huge_header() {
	local before_kib after_kib status=''
	before_kib=$(resident_kib)
	exec 3<>"/dev/tcp/127.0.0.1/${XUQI_URL##*:}"
	{
		printf 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: '
		head -c 209715200 /dev/zero | tr '\0' a
	} 2>/dev/null >&3 || true
	IFS= read -r -t 5 status <&3 || true
	exec 3>&-
	after_kib=$(resident_kib)
	expect_equal a_header_of_200_MiB_is_too_large 431 "$(cut -d ' ' -f 2 <<<"$status")"
	if [ $((after_kib - before_kib)) -lt 16384 ]; then
		ok a_header_of_200_MiB_costs_no_memory
	else
		not_ok a_header_of_200_MiB_costs_no_memory "$((after_kib - before_kib)) KiB"
	fi
}

post_file() { # PATH FILE
	curl -sS -w '\n%{http_code}\n' -H "Authorization: Bearer $(cat "$STATE/people/operator.token")" \
		-H 'Content-Type: application/json' -H 'Expect:' --data-binary @"$2" "$XUQI_URL$1"
}

sizes() {
	a_huge_header
	head -c 1048576 /dev/zero | tr '\0' ' ' >"$RIG/large"
	answers a_body_over_its_limit 413 'at most' post_file /v1/policies/check "$RIG/large"
	rm -f "$RIG/large"
	expect xuqid_still_answers curl -sf "$XUQI_URL/healthz"
	unchanged a_size
}

# ---- a payee that changes -------------------------------------------------------------------------
campaign_runs() { [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }

# While a campaign runs: no payment order under the other name, a task, nothing to export; and no new plan.
payee() {
	rig_start
	wait_for "$RIG_PATIENCE" "the campaign" campaign_runs
	curl -sf -X PUT -d '{"payee_changes": true}' "$(demo control)/sim/knobs" >/dev/null
	wait_for "$RIG_PATIENCE" "the demo" rig_has_settled || true
	# shellcheck source=/dev/null
	. "$STATE/env"
	expect_equal another_payee_stops_every_renewal 'done=0 waiting=12 failed=0' \
		"$(tail -n 1 "$RIG/out" | grep -o 'done=.*failed=[0-9]*')"
	expect a_task_names_both_payees task_names_payees
	expect_equal another_payee_gets_no_payment_order 0 \
		"$(as finance xuqi payment list -o json | jq '[.items[] | select(.payee_name != "广东省电子商务认证有限公司")] | length')"
	expect_equal nothing_is_exported 0 \
		"$(as finance xuqi payment list -o json | jq '[.items[] | select(.status != "open")] | length')"
	expect_equal nothing_was_transferred 0 "$(curl -sf "$(demo control)/sim/ledger" | jq .transfers)"
	refused another_payee_gets_no_new_plan '某某信息咨询.*pinned.*广东省电子商务认证有限公司' \
		as operator xuqi plan --policy "$SOURCE/deploy/demo/policy.yaml"
}

task_names_payees() {
	as operator xuqi task list --kind payee_changed -o json >"$RIG/tasks"
	grep -q 广东省电子商务认证有限公司 "$RIG/tasks" && grep -q 广州某某信息咨询有限公司 "$RIG/tasks"
}

# AddressSanitizer keeps what is freed for a while; here memory is measured.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=1
rig_serve || exit 1
# shellcheck source=/dev/null
. "$STATE/env"
before=$(fingerprint)
a_damaged_statement
an_unknown_setting
a_bad_policy
sizes
agents
rig_stop
payee
rig_stop
