# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The demo's parts, fleet, agents and people under a rig that kills (tests/rig/kill_tokens.sh, kill_people.sh): as deploy/quickstart
# starts them, with points in the database before the campaign; the rig does what people do when things go wrong.
DIR=$STATE act=run
# shellcheck disable=SC2034 # parts.sh reads them
source_dir=$SOURCE build=${BIN%/bin}
export DIR act PATH=$BIN:$PATH P11LOG_MODULE=${BIN%/bin}/lib/xuqi-p11log.so
# shellcheck source=deploy/demo/lib.sh
. "$SOURCE/deploy/demo/lib.sh"
# shellcheck source=deploy/demo/parts.sh
. "$SOURCE/deploy/demo/parts.sh"
rig_stop() { [ ! -e "$DIR/run" ] || parts_stop; }

renewals() { items operator renewal list; }
renewal_of() { renewals | jq -r --arg t "$1" 'select(.token_label == $t) | .id'; }
state_of() { renewals | jq -r --arg t "$1" 'select(.token_label == $t) | .state'; } # nothing while xuqid is away
is_in() { [ "$(state_of "$1")" = "$2" ]; }
serial_of() { cat "$DIR/tokens/$1/serial"; }
states() { renewals | jq -rs 'group_by(.state) | map("\(.[0].state)=\(length)") | join(" ")'; }
log_of() { cat "$DIR"/logs/p11-*.log | grep "serial=$(serial_of "$1") " || true; }

# A fact of the journal: the edge FROM.EVENT.TO, or the note.
has_passed() {
	[ "$(in_database -c "select exists (select from journal where coalesce(from_state || '.' || event || '.' || to_state, event) = '$1')")" = t ]
}

# insist SECONDS COMMAND...: xuqid may be starting again just then.
insist() {
	local what=$2 deadline=$((SECONDS + $1))
	shift
	until "$@" >>"$RIG/said.all" 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || {
			not_ok "it_was_waited_for_${what}" "$(states), $(tail -n 2 "$RIG/said.all" | tr '\n' ' ')"
			return 1
		}
		sleep 0.3
	done
}

# ---- the parts, the fleet and its campaign, as the demo has them -----------------------------------

stage_begins() { # and calls before_the_campaign
	umask 077
	parts_folders
	chmod 755 "$DIR" # PostgreSQL runs as another user when we are root
	parts_start_servers
	child_run fleet "$SOURCE/deploy/demo/fleet"
	child_run prepare "$SOURCE/deploy/demo/people" prepare
	parts_start_agents
	child_run tour "$SOURCE/deploy/demo/plugger" tour
	before_the_campaign
	in_database -f "$SOURCE/tests/rig/points.sql"
	arm "before after" "kind <> 'record'"
	child_run campaign "$SOURCE/deploy/demo/people" campaign
	child_start plugger "$SOURCE/deploy/demo/plugger" serve
	child_start people "$SOURCE/deploy/demo/people" work
}

agent_starts() { # WORKSTATION
	child_start "agent-$1" env SOFTHSM2_CONF="$DIR/usb/$1/softhsm2.conf" \
		XUQI_P11LOG_MODULE="$SOFTHSM_MODULE" XUQI_P11LOG_FILE="$DIR/logs/p11-$1.log" \
		xuqi-agent --settings "$DIR/settings/$1.yaml"
}

# What is plugged is reported, and the agent polls: by its own programs, one after another.
looks() { # WORKSTATION
	SOFTHSM2_CONF=$DIR/usb/$1/softhsm2.conf XUQI_P11LOG_MODULE=$SOFTHSM_MODULE \
		xuqi-agent-inventory --settings "$DIR/settings/$1.yaml" &&
		xuqi-agent-link --settings "$DIR/settings/$1.yaml" poll >"$RIG/polled"
}
