# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Killing at points, for tests/rig/kill_*.sh: xuqid-kill-points dies before and after the transactions that the
# database names (points.sql).  Which points there are is asked of the product's own tables; which it died at is the
# file $RIG/points/killed, `SIDE NAME` a line.
export XUQI_KILL_POINTS=$RIG/points

database_is_ready() { [ -s "$STATE/env" ] || quickstart_died; }

# points_folder [PROGRAM]: what is run in place of xuqid, and what it finds.
points_folder() {
	rm -rf "$RIG/points"
	mkdir "$RIG/points"
	touch "$RIG/points/killed" "$RIG/points/kills"
	XUQI_DEMO_XUQID="$SOURCE/tests/rig/respawn ${1:-${XUQI_KILL_PROGRAM:-$BIN/xuqid-kill-points}}"
	export XUQI_DEMO_XUQID
}

# points_begin [PROGRAM]: the demo in the background, with the points in its database before anything is planned.
points_begin() {
	points_folder "$@"
	rm -f "$STATE/env"
	rig_start
	wait_for 120 "the database" database_is_ready
	kill -0 "$rig_pid"
	in_database -f "$SOURCE/tests/rig/points.sql"
}

# leases_end [SERVER]: from now on the leases of a killed xuqid are over when it is started again, not some seconds later,
# and a point that was passed while it was dying already is armed again.  At the SERVER-th kill PostgreSQL dies, too.
leases_end() {
	cat >"$RIG/after_kill" <<-SCRIPT
		#!/usr/bin/env bash
		printf '%s\n' "\$1" >>"$RIG/points/kills"
		psql -qX -h "\$(sed -n 5p "$STATE/xuqid/pgdata/postmaster.pid")" -U xuqi -d xuqi \\
			-v killed="\$(cat "$RIG/points/killed")" -f "$SOURCE/tests/rig/after_kill.sql"
		[ "\$1" != "${1:-none}" ] || kill -KILL "\$(head -n 1 "$STATE/xuqid/pgdata/postmaster.pid")"
	SCRIPT
	chmod +x "$RIG/after_kill"
}
leases_run() { rm -f "$RIG/after_kill"; }

# arm SIDES WHERE: before, after or both, of the points where WHERE holds (columns of rig.points); while nobody writes.
arm() {
	in_database -c "begin" -c "lock table journal in share row exclusive mode" \
		-c "insert into rig.begun select (select coalesce(max(id), 0) from journal) where not exists (select from rig.begun)" \
		-c "update rig.points set before = before or '$1' ~ 'before', after = after or '$1' ~ 'after' where $2" -c "commit"
}

# One of about N points, and others on another day or with another XUQI_SEED; with tests/run --long all of them.
share() {
	[ -z "${LONG:-}" ] || set -- 1
	printf "hashtext(name || '%s') %% %d = 0" "${XUQI_SEED:-$(date +%F)}" "$1"
}

# Second kills: at the N-th statement after a start.
arm_recovery() { local n && for n in 1 2 3 5 8 13 21 34; do : >"$RIG/points/recovery.$n"; done; }
recoveries_left() { find "$RIG/points" -name 'recovery.*' -printf '%f '; }

# points_count NAME: which points were armed, passed and died at goes into $RIG/NAME.{armed,passed,killed}.  Passed is
# what the journal of this campaign tells since the first was armed.
points_count() {
	in_database -c "select 'before ' || name from rig.points where before union all
		select 'after ' || name from rig.points where after" | sort >"$RIG/$1.armed"
	in_database -c "select distinct side || coalesce(from_state || '.' || event || '.' || to_state, event)
		from journal, unnest(array['before ', 'after ']) side where id > (select journal_id from rig.begun)" | sort >"$RIG/$1.passed"
	{
		grep -v '^recovery$' "$RIG/points/killed"
		in_database -c "select 'after ' || name from rig.points where after and rig.is_taken('after', id)" |
			sort | comm -12 - "$RIG/$1.passed"
	} | sort -u >"$RIG/$1.killed"
	cp "$RIG/$1".{armed,passed,killed} "$STATE/logs"
	printf '# %s: killed at %d of %d armed points; %d points of edges and notes on its way\n' "$1" \
		"$(wc -l <"$RIG/$1.killed")" "$(wc -l <"$RIG/$1.armed")" "$(wc -l <"$RIG/$1.passed")"
}

# missed NAME: the armed points on its way that xuqid did not die at, because something else killed it just then.
missed() { comm -12 "$RIG/$1.armed" "$RIG/$1.passed" | comm -23 - "$RIG/$1.killed"; }

# expect_its_points NAME: what kill_points.table leaves to this script was on the way of campaign NAME.
expect_its_points() {
	expect_equal "$1_passes_what_no_branch_passes" "" "$(awk -v script="${0##*/}" '$2 == script { print "before " $1 }' \
		"$SOURCE/tests/rig/kill_points.table" | sort | comm -23 - "$RIG/$1.passed" | tr '\n' ',')"
}

# expect_all_points NAME: every edge and note was on the way of campaign NAME or stands in kill_points.table.
expect_all_points() {
	grep -v '^#' "$SOURCE/tests/rig/kill_points.table" | cut -d ' ' -f 1 | sort >"$RIG/elsewhere"
	in_database -c "select name from rig.points where kind <> 'record'" | sort >"$RIG/all"
	sed -n 's/^before //p' "$RIG/$1.passed" >"$RIG/passed"
	expect_equal every_edge_and_note_is_passed_or_stands_in_the_table "" \
		"$(comm -23 "$RIG/all" "$RIG/passed" | comm -23 - "$RIG/elsewhere" | tr '\n' ',')"
	comm -12 "$RIG/passed" "$RIG/elsewhere" | sed 's/^/# stands in kill_points.table, and is passed: /'
}
