#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No PIN leaves its file: the demo runs while every process of this machine is watched for the PINs of the
# demo's tokens in argument lists and environments, and then every file of its state, and a dump of its
# database, is searched.  Leaks planted in each of those places must be found by the same search.
# seconds: 300
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open

# The PINs, one a line: of the tokens, and what the agents have stored.  Two write the list: each a new file first.
collect_pins() {
	local new=$RIG/pins.$BASHPID
	awk 1 "$STATE"/tokens/*/pin "$STATE"/agents/*/pins/* 2>/dev/null | grep . | sort -u >"$new" || true
	mv "$new" "$RIG/pins"
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

pg() { # PROGRAM ARGUMENTS...
	local data=$STATE/xuqid/pgdata bins=(/usr/lib/postgresql/*/bin) program=$1
	shift
	"${bins[-1]}/$program" -U xuqi -d xuqi -h "$(sed -n 5p "$data/postmaster.pid")" \
		-p "$(sed -n 4p "$data/postmaster.pid")" "$@"
}

dump() { pg pg_dump; }

# A PIN in a log, in a row of the database, in an argument list, in an environment.
plant() {
	local pin
	pin=$(head -n 1 "$RIG/pins")
	printf 'time=now event=test pin=%s\n' "$pin" >>"$STATE/logs/planted.log"
	pg psql -qc "create table planted as select '$pin'::text as leak" >/dev/null
	bash -c 'sleep 1; exit' planted "$pin" &
	planted=($!)
	LEAK=$pin bash -c 'sleep 1; exit' &
	planted+=($!)
	wait "${planted[@]}"
}

: >"$RIG/seen"
watch "$RIG/seen" &
watcher=$!
rig_end() { kill "$watcher" 2>/dev/null || true; }
rig_serve || exit 1
collect_pins
printf '# %d PINs, %d samples of a leak in processes\n' "$(wc -l <"$RIG/pins")" "$(wc -l <"$RIG/seen")"
expect_equal every_token_has_a_pin_of_its_own_and_one_is_configured_wrong 13 "$(wc -l <"$RIG/pins")"
expect_equal every_pin_has_16_characters '' "$(grep -vxE '[A-Za-z0-9]{16}' "$RIG/pins" || true)"
expect_equal no_pin_in_logs_database_journals_arguments_or_environments '' "$(search | tr '\n' ' ')"
plant
kill "$watcher"
wait "$watcher" || true
search >"$RIG/found"
expect a_pin_planted_in_a_log_is_found grep -q planted.log "$RIG/found"
expect a_pin_planted_in_the_database_is_found grep -q dump.sql "$RIG/found"
expect a_pin_planted_in_an_argument_list_is_found grep -q "/proc/${planted[0]}/cmdline" "$RIG/found"
expect a_pin_planted_in_an_environment_is_found grep -q "/proc/${planted[1]}/environ" "$RIG/found"
