# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the rig's scripts share: the lines that tests/run counts, a folder of their own, and the demo of
# deploy/quickstart as the thing under test.  Needs BIN and SOURCE (tests/README.md).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
: "${SOURCE:?the top of the tree}" "${BIN:?the folder of the programs}"

ok() { printf 'ok %s\n' "$1"; }
not_ok() { printf 'not ok %s # %s\n' "$1" "$2"; }

# expect NAME COMMAND...: the fact NAME is that COMMAND succeeds.
expect() {
	local name=$1
	shift
	if "$@" >"$RIG/said" 2>&1; then
		ok "$name"
	else
		sed 's/^/# /' "$RIG/said"
		not_ok "$name" "$(tr '\n' ' ' <"$RIG/said" | tail -c 200)"
	fi
}

# expect_equal NAME WANTED GOT
expect_equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "wanted '$2', got '$3'"
	fi
}

# rig_open: a folder that everybody may enter (PostgreSQL runs as another user when we are root), once.
rig_open() {
	[ -z "${rig_opened:-}" ] || return 0
	rig_opened=yes
	RIG=$(mktemp -d "${TMPDIR:-/tmp}/xuqi-rig.XXXXXX")
	chmod 755 "$RIG"
	STATE=$RIG/state
	export RIG STATE XUQI_BUILD=${BIN%/bin}
	trap rig_close EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# End what runs, what the script itself started too (its own rig_end, if it has one), keep the logs where tests/run
# keeps its own, remove the rest.
rig_close() {
	local code=$?
	trap - EXIT
	! declare -F rig_end >/dev/null || rig_end
	second_stop
	rig_stop
	if [ -n "${LOGS:-}" ] && [ -d "$STATE/logs" ]; then
		rm -rf "$LOGS/${0##*/}.parts"
		cp -r "$STATE/logs" "$LOGS/${0##*/}.parts"
	fi
	[ ! -e "$STATE" ] || quickstart --clean >/dev/null 2>&1 || true
	rm -rf "$RIG"
	exit "$code"
}

quickstart() { "$SOURCE/deploy/quickstart" --state "$STATE" "$@"; }

# wait_for SECONDS WHAT COMMAND...: until COMMAND is true.
wait_for() {
	local what=$2 deadline=$((SECONDS + $1))
	shift 2
	until "$@"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			printf 'gave up waiting for %s\n' "$what"
			return 1
		fi
		sleep 0.1
	done
}

rig_start() {
	rm -f "$RIG/out" "$STATE/campaign"
	"$SOURCE/deploy/quickstart" --state "$STATE" >"$RIG/out" 2>"$RIG/err" </dev/null &
	rig_pid=$!
}

# The demo, kept running in the background until the script ends; true once it has told its result.
# XUQI_DEMO_* in the environment changes it (deploy/demo/parts.sh).
rig_serve() {
	rig_start
	wait_for "${RIG_PATIENCE:-240}" "the demo" rig_has_settled || return 1
}

rig_stop() {
	[ -n "${rig_pid:-}" ] || return 0
	kill -TERM "$rig_pid" 2>/dev/null || true
	wait "$rig_pid" || true
	rig_pid=
}

rig_has_settled() {
	grep -qs '^quickstart: ' "$RIG/out" || ! kill -0 "$rig_pid" 2>/dev/null
}

# ---- the demo's campaign of 12, and what the CA, the bank and the tokens saw of it -----------------

control() { jq -r .control "$STATE/settings/demo.json"; }
set_knobs() { curl -sf -X PUT -d "$1" "$(control)/sim/knobs" >/dev/null; }
knob() { curl -sf "$(control)/sim/knobs" | jq -c ".$1"; }
ledger() { curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"; }
applications() { curl -sf "$(control)/sim/ledger" | jq .applications || printf '0'; }
quickstart_died() { ! kill -0 "$rig_pid" 2>/dev/null; }
campaign_runs() { [ -s "$STATE/campaign" ] || quickstart_died; }

# rig_begin: the demo in the background, up to the start of its campaign.
rig_begin() {
	rig_start
	wait_for 240 "the campaign" campaign_runs
	kill -0 "$rig_pid"
}

# What the CA and the bank saw, as one line.  Asking too early whether the money has arrived is part of the demo.
verdict() {
	jq -r '"applications=\(.applications) payments=\(.payments) declared=\(.declared) verified=\(.verified) " +
		"installed=\(.installed) transfers=\(.transfers) refused=" +
		([.refused[] | select(.code != "REMITTANCE_NOT_FOUND") | "\(.operation) \(.code)"] | join(","))' \
		"$RIG/ledger.json"
}
EVERYTHING_ONCE='applications=12 payments=12 declared=12 verified=12 installed=11 transfers=12 refused='

logins_of_the_wrong_pin() {
	local serial
	serial=$(cat "$STATE/tokens/$(awk -F '\t' '$7 == "wrong" { print $1 }' "$SOURCE/deploy/demo/renewals.tsv")/serial")
	cat "$STATE"/logs/p11-*.log | grep C_Login | grep -c "serial=$serial " || true
}

# expect_once NAME: the end of the campaign, and the verdict from outside: each certificate applied for, paid and
# reported once, nothing repeated, the wrong PIN presented once.
expect_once() {
	wait_for "${RIG_PATIENCE:-240}" "the result" rig_has_settled || true
	ledger
	expect_equal "$1_the_result_is_the_same" 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
		"$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
	expect_equal "$1_the_ledger_shows_everything_once" "$EVERYTHING_ONCE" "$(verdict)"
	expect_equal "$1_the_wrong_PIN_was_tried_once" 1 "$(logins_of_the_wrong_pin)"
}

# The effects of the demo's campaign at the CA, as a list of {method, path}.
effects() {
	jq -nc '[["POST", "/v1/bindings"], ["POST", "/v1/applications"], ["PUT", "/v1/applications/*/agreement"],
		["PUT", "/v1/applications/*/term"], ["POST", "/v1/applications/*/attachments"], ["PUT", "/v1/applications/*/intent"],
		["POST", "/v1/applications/*/submit"], ["POST", "/v1/payments"], ["PUT", "/v1/payments/*/remittance"],
		["POST", "/v1/applications/*/install-reports"] | {method: .[0], path: .[1]}]'
}

# expect_lost NAME KNOB LEAST: so many answers were lost by this knob of $XUQI_DEMO_KNOBS (only one certificate of the
# demo needs attachments: that effect is repeated less), and the log tells that xuqid asked what became of effects.
expect_lost() {
	local lost asked
	lost=$(($(jq "[.$2[].times] | add" <<<"$XUQI_DEMO_KNOBS") - $(knob "$2" | jq '[.[]?.times] | add // 0')))
	asked=$(cat "$STATE"/logs/xuqid*.log | grep -c 'event=effect.asked' || true)
	expect "$1_answers_were_lost" test "$lost" -ge "$3"
	expect "$1_made_xuqid_ask_what_became_of_its_effects" test "$asked" -ge 5
	printf '# %s: %d answers lost, asked %d times\n' "$1" "$lost" "$asked"
}

# More applications than certificates: what a verdict must be able to see (variants against a lenient CA).
repeats_show() { [ "$(applications)" -gt 12 ] || quickstart_died; }
expect_repeats() {
	wait_for 90 "a second application of one certificate" repeats_show || true
	ledger
	if [ "$(verdict)" != "$EVERYTHING_ONCE" ] && [ "$(jq .applications "$RIG/ledger.json")" -gt 12 ]; then
		ok "$1"
	else
		not_ok "$1" "$(verdict)"
	fi
}

# ---- killing ---------------------------------------------------------------------------------------

xuqid_is_up() { [ -s "$RIG/xuqid.pid" ]; }

# kill_xuqid: as tests/rig/respawn runs it.
kill_xuqid() {
	local id
	wait_for 60 "xuqid" xuqid_is_up
	read -r id <"$RIG/xuqid.pid"
	kill -KILL "$id" 2>/dev/null || true
}

# ---- a second xuqid ---------------------------------------------------------------------------------

# The sockets of the first one's PostgreSQL; and a statement in its database.
database_sockets() { sed -n 5p "$STATE/xuqid/pgdata/postmaster.pid"; }
in_database() { psql -qAtX -v ON_ERROR_STOP=1 -h "$(database_sockets)" -U xuqi -d xuqi "$@"; }

# second_start [COMMAND...]: another xuqid on the first one's own database, with another state directory and any free
# ports, so that no agent comes to it.
second_start() {
	mkdir -p "$RIG/two/state"
	chmod 755 "$RIG/two" "$RIG/two/state"
	cp -p "$STATE/xuqid/privacy.key" "$RIG/two/state/" 2>/dev/null || true
	{
		sed -e "s|^state_dir: .*|state_dir: \"$RIG/two/state\"|" -e 's|^  port: .*|  port: 0|' "$STATE/settings/xuqid.yaml"
		printf 'database:\n  url: "host=%s dbname=xuqi user=xuqi"\n' "$(database_sockets)"
	} >"$RIG/two/xuqid.yaml"
	"$@" --settings "$RIG/two/xuqid.yaml" >"$RIG/two/out" 2>"$RIG/two/err" &
	second=$!
	wait_for 60 "the second xuqid" second_is_ready
}

second_is_ready() { grep -qs '^ready ' "$RIG/two/out" || ! kill -0 "$second" 2>/dev/null; }

second_stop() {
	[ -n "${second:-}" ] || return 0
	kill -CONT "$second" 2>/dev/null || true
	kill -TERM "$second" 2>/dev/null || true
	wait "$second" || true
	second=
}

# ---- people and tokens -------------------------------------------------------------------------------

# as PERSON COMMAND...: with that person's token.
as() {
	local person=$1
	shift
	XUQI_TOKEN_FILE=$STATE/people/$person.token "$@"
}

# each_token FUNCTION: call FUNCTION LABEL CONF PIN_FILE WORKSTATION RENEWAL for every token.
each_token() {
	local label conf pin workstation renewal
	tail -n +2 "$STATE/fleet.tsv" >"$RIG/fleet"
	while IFS=$'\t' read -r label conf pin workstation renewal <&4; do
		"$1" "$label" "$conf" "$pin" "$workstation" "$renewal"
	done 4<"$RIG/fleet"
}
