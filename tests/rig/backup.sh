#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A backup is taken in the middle of the demo campaign, the campaign goes on to its end, and the backup is
# restored.  The oracle is the CA's ledger and the bank: nothing is sent while the hold stands, and when two
# people have released it the campaign ends with one application and one payment for each certificate and no
# repeat.  A variant that neither holds nor asks must be caught by the same verdict.
# seconds: 600
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
RIG_PATIENCE=240
backup=$BIN/xuqi-backup

control() { jq -r .control "$STATE/settings/demo.json"; }
ledger() { curl -sf "$(control)/sim/ledger" >"$RIG/ledger.json"; }
campaign_runs() { [ -s "$STATE/campaign" ] || ! kill -0 "$rig_pid" 2>/dev/null; }
settings() { printf '%s/settings/xuqid.yaml' "$STATE"; }

# What the outside did: everything but what was only read.
effects() { jq -S 'del(.attempts)' "$RIG/ledger.json"; }
verdict() {
	jq -r '"applications=\(.applications) payments=\(.payments) declared=\(.declared) verified=\(.verified) " +
		"installed=\(.installed) transfers=\(.transfers) refused=" +
		([.refused[] | select(.code != "REMITTANCE_NOT_FOUND") | "\(.operation) \(.code)"] | join(","))' \
		"$RIG/ledger.json"
}
wanted='applications=12 payments=12 declared=12 verified=12 installed=11 transfers=12 refused='
ended='quickstart: renewals=12 done=11 waiting=1 failed=0'
summary() { tail -n 1 "$RIG/out" | sed 's/ seconds=[0-9]*$//'; }

# fail NAME PATTERN COMMAND...: COMMAND fails and says why.
refused() {
	local name=$1 pattern=$2
	shift 2
	if "$@" >"$RIG/said" 2>&1; then
		not_ok "$name" "it was accepted"
	elif grep -qE -e "$pattern" "$RIG/said"; then
		ok "$name"
	else
		not_ok "$name" "it says: $(tail -c 300 "$RIG/said")"
	fi
}

has_at_least() { # COUNT LIST
	ledger && [ "$(jq ".$2" "$RIG/ledger.json")" -ge "$1" ] || ! kill -0 "$rig_pid" 2>/dev/null
}

take_backup() { # NAME
	"$backup" make "$RIG/$1.xqb" --settings "$(settings)" 2>"$RIG/said" || { cat "$RIG/said" && return 1; }
	printf '# %s: %s\n' "$1" "$(cat "$RIG/said")"
}

# The campaign with two backups on its way: while applications are made, and when the money is asked for.
run_with_backups() {
	rig_start
	wait_for 240 "the campaign" campaign_runs
	wait_for 120 "four applications" has_at_least 4 applications
	expect a_backup_is_taken_while_applications_are_made take_backup early
	wait_for 120 "six payments" has_at_least 6 payments
	expect a_backup_is_taken_while_payments_are_opened take_backup late
	wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
	expect_equal the_campaign_goes_on_to_its_end "$ended" "$(summary)"
	ledger
	expect_equal and_everything_happened_once "$wanted" "$(verdict)"
	effects >"$RIG/before"
	installation=$(tar -xOf "$RIG/early.xqb" manifest.json | jq -r .installation)
}

# The same file into a database that database.url names, owned by a role of no privileges, and a backup of that.
into_another_database() {
	local sockets other=$RIG/other.yaml
	sockets=$(sed -n 5p "$STATE/xuqid/pgdata/postmaster.pid")
	psql -qh "$sockets" -U xuqi xuqi -c "create role plain login password 'pw x'" -c 'create database other owner plain'
	sed "s|^state_dir: .*|state_dir: \"$RIG/other\"|" "$(settings)" >"$other"
	printf 'database:\n  url: "host=%s dbname=other user=plain password='"'pw x'"'"\n' "$sockets" >>"$other"
	expect a_backup_is_restored_where_database_url_says "$backup" restore "$RIG/early.xqb" --settings "$other"
	expect_equal and_what_comes_up_there_is_held 1 \
		"$(psql -qAth "$sockets" -U plain other -c 'select count(*) from holds where released_at is null')"
	expect and_kept_from_there "$backup" make "$RIG/other.xqb" --settings "$other"
	expect_equal the_agents_find_the_same_orchestrator "$(sha256sum <"$STATE/xuqid/agent-ca.key")" "$(sha256sum <"$RIG/other/agent-ca.key")"
}

what_is_no_backup() {
	expect_equal a_backup_is_for_its_owner_alone 600 "$(stat -c %a "$RIG/early.xqb")"
	refused a_restore_needs_a_stopped_xuqid 'stop xuqid' "$backup" restore "$RIG/early.xqb" --over "$installation" --settings "$(settings)"
	rig_stop
	head -c 100000 "$RIG/early.xqb" >"$RIG/cut.xqb"
	refused a_cut_backup_is_refused 'cut off|damaged' "$backup" restore "$RIG/cut.xqb" --over "$installation" --settings "$(settings)"
	cp "$RIG/early.xqb" "$RIG/bit.xqb"
	printf '\377' | dd of="$RIG/bit.xqb" bs=1 seek=90000 conv=notrunc status=none
	refused a_damaged_backup_is_refused 'damaged' "$backup" restore "$RIG/bit.xqb" --over "$installation" --settings "$(settings)"
	tar -C "$SOURCE" -cf "$RIG/foreign.xqb" LICENSE
	refused a_foreign_file_is_refused 'no backup' "$backup" restore "$RIG/foreign.xqb" --over "$installation" --settings "$(settings)"
	refused an_installation_is_not_replaced_unnamed "--over $installation" "$backup" restore "$RIG/early.xqb" --settings "$(settings)"
	refused nor_under_another_name "--over $installation" "$backup" restore "$RIG/early.xqb" --over 0 --settings "$(settings)"
}

# The demo again on the state that was restored.
resume() {
	rm -f "$RIG/out"
	"$SOURCE/deploy/quickstart" --state "$STATE" --resume >"$RIG/out" 2>"$RIG/err" </dev/null &
	rig_pid=$!
	wait_for 60 "xuqid" xuqid_answers
	# shellcheck source=/dev/null
	. "$STATE/env"
}
xuqid_answers() { grep -qs '"control"' "$STATE/settings/demo.json" && curl -sf -o /dev/null "$(url)/readyz"; }
url() { sed -n 's/^export XUQI_URL=//p' "$STATE/env"; }

restored_status() { # AREA: the state of what is left there
	curl -sf -H "Authorization: Bearer $(cat "$STATE/people/operator.token")" "$(url)/v1/restore" >"$RIG/status.json" &&
		jq -r --arg a "$1" '[.items[] | select(.area == $a and .renewal == null) | .state] | unique | join(",")' "$RIG/status.json"
}
ca_was_asked() { [ "$(restored_status ca)" = "done" ]; }

release() { # PERSON
	as "$1" xuqi hold release "$hold" >"$RIG/said" 2>&1
}

finance_has_looked() {
	local id
	id=$(as finance xuqi task list --kind restored_payments -o json | jq -r '.items[0].id')
	as finance xuqi task "done" "$id" --set checked=yes --commit
}

# Restore one backup, look that nothing is sent, release, and look at the end.
restore_and_go_on() { # NAME
	expect "the_$1_backup_is_restored" "$backup" restore "$RIG/$1.xqb" --over "$installation" --settings "$(settings)"
	resume
	wait_for 90 "the CA's answers about each renewal" ca_was_asked || true
	expect_equal "$1_the_CA_was_asked_about_every_renewal" "done" "$(restored_status ca)"
	hold=$(as operator xuqi hold list -o json | jq -r '[.items[] | select(.released_at == null)][0].id')
	sleep 3
	ledger
	expect_equal "$1_nothing_is_sent_while_it_is_held" "$(cat "$RIG/before")" "$(effects)"
	release operator
	refused "$1_one_person_does_not_release_it" 'second person' release operator
	ledger
	expect_equal "$1_still_nothing_is_sent" "$(cat "$RIG/before")" "$(effects)"
	expect "$1_finance_has_looked_for_transfers" finance_has_looked
	expect "$1_a_second_person_releases_it" release approver
	wait_for "$RIG_PATIENCE" "the result" rig_has_settled || true
	expect_equal "$1_the_campaign_ends_as_it_had_ended" "$ended" "$(summary)"
	ledger
	expect_equal "$1_everything_happened_once" "$wanted" "$(verdict)"
	rig_stop
}

# The same backup under a variant that forgets that it was restored.
control_is_caught() {
	local program=$BIN/xuqid-forgets-restore
	[ -x "$program" ] || { not_ok the_control_is_caught "there is no $program" && return; }
	expect the_control_gets_the_same_backup "$backup" restore "$RIG/early.xqb" --over "$installation" --settings "$(settings)"
	export XUQI_DEMO_XUQID=$program
	resume
	wait_for 60 "a repeat" repeats_show || true
	ledger
	if [ "$(verdict)" != "$wanted" ]; then
		ok "a_variant_that_neither_holds_nor_asks_is_caught: $(verdict | sed 's/.*refused=//' | cut -c 1-120)"
	else
		not_ok a_variant_that_neither_holds_nor_asks_is_caught "$(verdict)"
	fi
	rig_stop
}
repeats_show() { ledger && [ "$(verdict)" != "$wanted" ] || ! kill -0 "$rig_pid" 2>/dev/null; }

run_with_backups
into_another_database
what_is_no_backup
restore_and_go_on early
restore_and_go_on late
control_is_caught
