# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What quickstart prints: progress (live on a terminal, else a line per change), the result table,
# where to look next, and the summary line.  It only reads: xuqi's lists with the operator's token.

# What a person of the demo does by themselves; any other open task waits for whoever watches, and so
# does what is blocked for these reasons.
SHOW_ACTED='bind agreement attachment intent insert_token finance_match'
SHOW_BLOCKED='pin install hold payee refused remittance_refused client_version handler person'

# show_read: the campaign's renewals and open tasks into DIR/lists.  False while xuqid is away.
show_read() {
	local campaign
	read -r campaign <"$DIR/campaign"
	items operator renewal list --campaign "$campaign" >"$DIR/lists/renewals.new" 2>>"$DIR/logs/show.log" &&
		items operator task list --state open >"$DIR/lists/tasks.new" 2>>"$DIR/logs/show.log" &&
		mv "$DIR/lists/renewals.new" "$DIR/lists/renewals" &&
		mv "$DIR/lists/tasks.new" "$DIR/lists/tasks"
}

# One line a renewal, tabs: token, workstation, state, verdict (done, waiting, failed, moving), the
# open task or else what it waits for, id, service.
show_rows() {
	jq -rs --slurpfile tasks "$DIR/lists/tasks" --arg acted "$SHOW_ACTED" --arg blocked "$SHOW_BLOCKED" '
		($acted | split(" ")) as $acted | ($blocked | split(" ")) as $blocked
		| ($tasks | map({key: "\(.renewal)", value: .kind})) as $open
		| sort_by(.token_label, .id)[]
		| "\(.id)" as $id
		| [$open[] | select(.key == $id) | .value] as $kinds
		| [.token_label // "?", .workstation // "?", .state,
		   (if .state == "done" then "done"
		    elif (.state | IN("failed", "quarantined", "disputed", "withdrawn", "refunding", "refunded"))
		    then "failed"
		    elif ($kinds - $acted) != [] or (.blocked_reason | IN($blocked[])) then "waiting"
		    else "moving" end),
		   (($kinds - $acted)[0] // $kinds[0] // .blocked_reason // "-"), $id, .service // "-"]
		| @tsv' "$DIR/lists/renewals"
}

show_count() { awk -F '\t' -v verdict="$1" '$4 == verdict { n++ } END { print n + 0 }' "$DIR/lists/rows"; }

# The whole fleet redrawn in place.
show_frame() {
	[ -z "${show_drawn:-}" ] || printf '\033[%dF' "$show_drawn"
	show_drawn=$(($(wc -l <"$DIR/lists/rows") + 1))
	awk -F '\t' '{
		mark = $4 == "done" ? "\033[32m✓\033[0m" : $4 == "waiting" ? "\033[33m!\033[0m" : \
			$4 == "failed" ? "\033[31m✗\033[0m" : "·"
		printf "%s %-8s %-5s %-20s %-14s %s\033[K\n", mark, $1, $2, $3, $5, $7
	}' "$DIR/lists/rows"
	printf '%3d s  done %d  waiting for a person %d  failed %d\033[K\n' \
		"$(($(seconds_now) - began))" "$(show_count "done")" "$(show_count waiting)" "$(show_count failed)"
}

# One line for each renewal that moved since the last look.
show_changes() {
	touch "$DIR/lists/rows.seen"
	awk -F '\t' -v now="$(clock)" '
		FILENAME == ARGV[1] { seen[$6] = $3 FS $4; next }
		seen[$6] != $3 FS $4 {
			printf "%s  %-8s %-5s %-20s %s%s\n", now, $1, $2, $3, $7, \
				$4 == "waiting" ? "  (waits for a person: " $5 ")" : ""
		}' "$DIR/lists/rows.seen" "$DIR/lists/rows"
	cp "$DIR/lists/rows" "$DIR/lists/rows.seen"
}

# show_progress SECONDS: follow the campaign until every renewal is done, failed, or waits for a
# person who is not played by the demo.  False when that does not come, or a part ends by itself.
show_progress() {
	local deadline=$((began + $1)) still=0
	: >"$DIR/lists/rows.seen"
	: >"$DIR/lists/rows"
	while children_alive; do
		if show_read; then
			show_rows >"$DIR/lists/rows"
			if [ -t 1 ]; then show_frame; else show_changes; fi
			if [ "$(show_count moving)" -gt 0 ]; then still=0; else still=$((still + 1)); fi
			[ "$still" -lt 2 ] || return 0 # seen twice: no passing moment
		fi
		if [ "$(seconds_now)" -ge "$deadline" ]; then
			note "quickstart: the campaign has not settled within $1 s"
			return 1
		fi
		sleep 0.5
	done
	return 1
}

# One row of the result: what became of the renewal, from its full record.
show_result_row() {
	local token=$1 workstation=$2 verdict=$4 why=$5 id=$6 service=$7
	[ "$verdict" != "done" ] || why=-
	as operator xuqi renewal show "$id" --output json | jq -r \
		--arg head "$(printf '%-8s %-5s %-8s' "$token" "$workstation" "$verdict")" \
		--arg why "$why" --arg service "$service" '
		def pad(n): tostring | . + " " * ([n - length, 0] | max);
		"\($head) \(.not_after[0:10])  \((.new_not_after // "-")[0:10] | pad(10))  " +
		"\((.payment.reference // "-") | pad(12))  \((.invoice_number // "-") | pad(20))  " +
		"\(.pin_tries | pad(5))  \($why | pad(6))  \($service)"'
}

show_result() {
	local token workstation state verdict why id service
	say ""
	printf '%-8s %-5s %-8s %-10s  %-10s  %-12s  %-20s  %-5s  %-6s  %s\n' \
		token ws result was new reference invoice tries waits service
	while IFS=$'\t' read -r token workstation state verdict why id service; do
		show_result_row "$token" "$workstation" "$state" "$verdict" "$why" "$id" "$service"
	done <"$DIR/lists/rows"
}

show_next() {
	local waiting
	waiting=$(awk -F '\t' '$4 == "waiting" { print $6; exit }' "$DIR/lists/rows")
	say ""
	if [ "$until" = ctrl_c ]; then
		say "Where to look next, in another terminal:"
	else
		say "Where to look next, once it is served again (deploy/quickstart --resume --state $DIR):"
	fi
	cat <<-TEXT
		  . $DIR/env
		  xuqi renewal list              every renewal
		  xuqi renewal show ${waiting:-1}            one, with its whole timeline
		  xuqi task list                 what waits for people
		  xuqi cert list --group valid   the renewed certificates
		  xuqi match list --token-file $DIR/people/finance.token
		                                 which transfer pays which renewal
		  xuqi doctor                    what is wrong, and the remedy
		  cat $DIR/fleet.tsv
		                                 the tokens, to inspect with pkcs11-tool (package opensc)
		  grep C_Login $DIR/logs/p11-*.log
		                                 every PIN that was presented to a token
	TEXT
	if [ "$until" = ctrl_c ]; then
		say "  curl -s $SIM_CONTROL/sim/ledger"
		say "                                 what the CA and the bank saw"
		[ -z "$waiting" ] || show_remedy "$waiting"
	fi
}

# How to bring the token with the wrong PIN home; docs/quickstart.md tells the same.
show_remedy() {
	local token
	token=$(awk -F '\t' -v id="$1" '$6 == id { print $1 }' "$DIR/lists/rows")
	say ""
	say "$token was given a wrong PIN; one try is spent, and no machine tries again.  To play the"
	say "person who puts that right:  $here/demo/people clear $token"
	say ""
}

# show_summary SECONDS: the last line on stdout; sets failed.
show_summary() {
	local total finished waiting
	total=$(wc -l <"$DIR/lists/rows")
	finished=$(show_count "done")
	waiting=$(show_count waiting)
	failed=$((total - finished - waiting))
	say "quickstart: renewals=$total done=$finished waiting=$waiting failed=$failed seconds=$1"
}
