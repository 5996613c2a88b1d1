#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two xuqid at work on one database.  The CA holds answers for longer than a lease, so that the other one takes the
# renewal over and asks what became of it while the first still waits; and the second (the first serves the people)
# is frozen for longer than a lease, and goes on afterwards as if nothing had happened.  The fence must refuse what
# comes too late, and the CA's ledger must show everything once.
# seconds: 300
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=240 LEASE=10

control() { jq -r .control "$STATE/settings/demo.json"; }
ledger() { curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"; }
verdict() {
	jq -r '"applications=\(.applications) payments=\(.payments) declared=\(.declared) verified=\(.verified) " +
		"installed=\(.installed) transfers=\(.transfers) refused=" +
		([.refused[] | select(.code != "REMITTANCE_NOT_FOUND") | "\(.operation) \(.code)"] | join(","))' \
		"$RIG/ledger.json"
}
wanted='applications=12 payments=12 declared=12 verified=12 installed=11 transfers=12 refused='
hold_of() { jq -n --arg method "$1" --arg path "$2" --argjson ms $(((LEASE + 4) * 1000)) \
	'{hold_after_commit_ms: {method: $method, path: $path, ms: $ms, once: true}}'; }
has_fired() {
	[ "$(curl -sf "$(control)/sim/knobs" | jq -c .hold_after_commit_ms)" = false ] || ! kill -0 "$rig_pid" 2>/dev/null
}
campaign_runs() { [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }

# A second xuqid on the first one's own database, with another state directory and any free ports.
second_settings() {
	local sockets
	sockets=$(sed -n 5p "$STATE/xuqid/pgdata/postmaster.pid")
	mkdir -p "$RIG/two/state"
	chmod 755 "$RIG/two" "$RIG/two/state"
	cp -p "$STATE/xuqid/privacy.key" "$RIG/two/state/" 2>/dev/null || true
	sed -e "s|^state_dir: .*|state_dir: \"$RIG/two/state\"|" -e 's|^  port: .*|  port: 0|' "$STATE/settings/xuqid.yaml"
	printf 'database:\n  url: "host=%s dbname=xuqi user=xuqi"\n' "$sockets"
}

second_start() {
	mkdir -p "$RIG/two"
	second_settings >"$RIG/two/xuqid.yaml"
	"$BIN/xuqid" --settings "$RIG/two/xuqid.yaml" >"$RIG/two/out" 2>"$RIG/two/err" &
	second=$!
	wait_for 60 "the second xuqid" second_is_ready
}

second_is_ready() { grep -qs '^ready ' "$RIG/two/out" || ! kill -0 "$second" 2>/dev/null; }

second_stop() {
	[ -z "${second:-}" ] || kill -CONT "$second" 2>/dev/null || true
	[ -z "${second:-}" ] || kill -TERM "$second" 2>/dev/null || true
	[ -z "${second:-}" ] || wait "$second" || true
	second=
}
trap 'second_stop; rig_close' EXIT

freeze_second() {
	kill -STOP "$second"
	sleep $((LEASE + 2))
	kill -CONT "$second"
}

both_logs() { cat "$STATE/logs/xuqid.log" "$RIG/two/err"; }

effects='POST /v1/bindings
POST /v1/applications
PUT /v1/applications/*/term
POST /v1/applications/*/submit
POST /v1/payments
PUT /v1/payments/*/remittance
POST /v1/applications/*/install-reports'

XUQI_DEMO_KNOBS=$(hold_of POST /v1/bindings)
export XUQI_DEMO_KNOBS
rig_start
wait_for 240 "the campaign" campaign_runs
kill -0 "$rig_pid"
second_start
while read -r method path <&5; do
	[ "$path" = /v1/bindings ] ||
		curl -sf -X PUT -d "$(hold_of "$method" "$path")" "$(control)/sim/knobs" >/dev/null
	wait_for 90 "$method $path" has_fired || break
done 5<<<"$effects" &
holds=$!
for _ in 1 2 3; do
	freeze_second
	sleep 2
done
wait "$holds" || true
wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
ledger
expect_equal two_at_work_the_result_is_the_same 'quickstart: renewals=12 done=11 waiting=1 failed=0' \
	"$(tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//')"
expect_equal two_at_work_the_ledger_shows_everything_once "$wanted" "$(verdict)"
expect the_first_has_worked grep -q 'event=renewal.moved' "$STATE/logs/xuqid.log"
expect the_second_has_worked grep -q 'event=renewal.moved' "$RIG/two/err"
expect a_taken_over_effect_was_asked_about grep -q 'event=effect.asked' <(both_logs)
expect what_came_too_late_was_refused_by_the_fence grep -Eq 'in other hands|given back already' <(both_logs)
printf '# %d refusals by the fence, %d questions\n' "$(both_logs | grep -Ec 'in other hands|given back already')" \
	"$(both_logs | grep -c 'event=effect.asked')"
