#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No PIN leaves its file: the demo runs while every process of this machine is watched for the PINs of the
# demo's tokens in argument lists and environments, and then every file of its state, and a dump of its
# database, is searched.  Leaks planted in each of those places must be found by the same search.
# seconds: 300
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open

# The PINs, one a line: of the tokens, and what the agents have stored.
collect_pins() {
	cat "$STATE"/tokens/*/pin "$STATE"/agents/*/pins/* 2>/dev/null | grep . | sort -u >"$RIG/pins.next" || true
	mv "$RIG/pins.next" "$RIG/pins"
}

# watch FILE: append the name of whatever process shows a PIN, until killed.
watch() {
	while :; do
		collect_pins
		if [ -s "$RIG/pins" ]; then
			grep -laFf "$RIG/pins" /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>"$1" 2>/dev/null || true
		fi
		sleep 0.05
	done
}

# search: every place that shows a PIN: files but the PIN files themselves, the database, processes.
search() {
	grep -rlaFf "$RIG/pins" "$STATE" --exclude-dir=pins --exclude=pin || true
	dump >"$RIG/dump.sql"
	[ "$(grep -c 'INSERT\|COPY' "$RIG/dump.sql")" -gt 10 ] || printf 'no dump\n'
	grep -laFf "$RIG/pins" "$RIG/dump.sql" || true
	sort -u "$RIG/seen"
}
