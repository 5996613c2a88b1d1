#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The embedded PostgreSQL dies under xuqid, and xuqid dies under it: both times xuqid has it again without a
# person, and what was there before is there after.
# seconds: 120
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open

program=
end_program() { [ -z "$program" ] || kill -KILL "$program" 2>/dev/null || true; }
end_server() { [ ! -e "$STATE/pgdata/postmaster.pid" ] || kill -INT "$(server)" 2>/dev/null || true; }
rig_end() { end_program && end_server; }

server() { head -n 1 "$STATE/pgdata/postmaster.pid"; }
is_ready() { grep -q '^ready ' "$RIG/out"; }
answers() { [ "$(curl -s "$url/readyz")" = ready ]; }
refuses() { ! answers; }
tokens() { curl -sf -H "Authorization: Bearer $(cat "$STATE/admin.token")" "$url/v1/tokens" | jq '.items | length'; }

start() {
	: >"$RIG/out"
	"$BIN/xuqid" --settings "$RIG/xuqid.yaml" >"$RIG/out" 2>>"$RIG/log" &
	program=$!
	wait_for 60 "xuqid" is_ready
	url=$(sed -n 's/^ready people=\([^ ]*\).*/\1/p' "$RIG/out")
}

mkdir -p "$STATE"
(umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$RIG/secret")
cat >"$RIG/xuqid.yaml" <<YAML
state_dir: $STATE
people: {port: 0}
agents: {address: 127.0.0.1, port: 0}
gateway: {url: "https://127.0.0.1:9", key_id: rig, secret_file: $RIG/secret}
payee: {account: "1", bank: rig}
YAML

start
expect_equal the_first_start_makes_one_admin_token 1 "$(tokens)"

kill -KILL "$(server)"
wait_for 20 "the loss of the database" refuses
wait_for 60 "the database" answers
expect_equal a_killed_database_is_started_again_by_xuqid 1 "$(tokens)"

before=$(server)
kill -KILL "$program"
wait "$program" 2>/dev/null || true
start
expect_equal a_killed_xuqid_adopts_its_running_database "$before" "$(server)"
expect_equal and_finds_what_was_there 1 "$(tokens)"

kill -TERM "$program"
code=0
wait "$program" || code=$?
expect_equal a_stopped_xuqid_ends_with_status_0 0 "$code"
expect a_stopped_xuqid_stops_its_database test ! -e "$STATE/pgdata/postmaster.pid"
program=
