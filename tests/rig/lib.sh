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

# rig_open: a folder that everybody may enter (PostgreSQL runs as another user when we are root).
rig_open() {
	RIG=$(mktemp -d "${TMPDIR:-/tmp}/xuqi-rig.XXXXXX")
	chmod 755 "$RIG"
	STATE=$RIG/state
	export RIG STATE XUQI_BUILD=${BIN%/bin}
	trap rig_close EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# End what runs, keep the logs where tests/run keeps its own, remove the rest.
rig_close() {
	local code=$?
	trap - EXIT
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
