#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of xuqid before and after the transaction of every edge and of every journal line of the branches: each
# certificate of branches.table takes another way, and so do those of kill_branches.table, which are here only for their
# edges.  XUQI_SHARE=N takes one of N ways, others each day (XUQI_SEED).  What a way comes to, and what the CA
# and the bank saw of its certificate, must be what the tables say of it, where nothing is killed.
# seconds: 2700
# long
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
. "$SOURCE/tests/rig/fleet.sh"
. "$SOURCE/tests/rig/points.sh"

# The blocks of the tables that are taken: with --long all of them.
ways() {
	cat "$SOURCE/tests/rig/branches.table" "$SOURCE/tests/rig/kill_branches.table" |
		awk -v seed="${XUQI_SEED:-$(date +%Y%m%d)}" -v share="${XUQI_SHARE:-1}" '
			/^(campaign|last|unit|elsewhere) / { print; take = 0; next }
			/^branch / { take = (seed + n++) % share == 0 }
			take { print }'
}

# The verdict on each way, of what the player tells (how people were asked is branches.sh's): where it ends; that the CA and
# the bank saw what the tables say; that the CA refused nothing that the way does not provoke.  (A refusal whose answer was
# lost is asked for again: that may be refused again.)
tell_verdict() {
	awk '
		function is_new(reason,    parts, words, i) {
			gsub(/, not /, " not ", reason)
			for (i = split(reason, parts, ", "); i > 0; i--) {
				split(substr(parts[i], match(parts[i], /[A-Za-z_]+: /)), words, " ")
				if (words[4] + 0 < 1) return 1
			}
			return 0
		}
		{ bad = $1 == "not"; fact = bad ? $3 : $2; reason = bad ? substr($0, index($0, "#")) : "" }
		!/^(not )?ok / || fact !~ /_(ends_as_.*|has_its_traces_in_the_ledger|was_refused_what_it_should)$/ { next }
		bad && fact ~ /_was_refused_what_it_should$/ { bad = is_new(reason) }
		{ print bad ? "not ok " fact " " reason : "ok " fact }' "$RIG/played"
	sed -n 's/^not ok/# told:/p' "$RIG/played"
}

begin=$SECONDS PATIENCE=1800
ways >"$RIG/ways"
points_folder
leases_end 60
fleet_open "$RIG/ways"
in_database -f "$SOURCE/tests/rig/points.sql"
arm "before after" "kind <> 'record'"
player play "$RIG/ways" "$DIR" "$PATIENCE" >"$RIG/played" || true
tell_verdict
points_count branches
expect_equal every_armed_point_on_the_way_has_killed "" "$(missed branches | tr '\n' ',')"
printf '# %d ways in %d s\n' "$(grep -c '^branch ' "$RIG/ways")" $((SECONDS - begin))
[ -n "${XUQI_SHARE:-}" ] || expect_all_points branches
cp "$RIG/played" "$STATE/logs"
