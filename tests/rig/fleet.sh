# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A fleet in which every certificate takes another branch, for the rig's scripts:
#
#   . "$SOURCE/tests/rig/lib.sh"
#   rig_open
#   . "$SOURCE/tests/rig/fleet.sh"
#   fleet_open [TABLE]           simulator, xuqid (XUQI_DEMO_XUQID in its place, if set), certificates, people, knobs, one
#                                campaign a unit; approved and run, but those units that begin last.  TABLE is
#                                tests/rig/branches.table, or some of its blocks.
#   player play "$TABLE" "$DIR" SECONDS    plays everybody until every branch is at its end, and prints ok and not ok.  It may
#                                run in the background while xuqid is killed: what fails is tried again.
#
# The parts are the demo's (deploy/demo/parts.sh) and end with the script; $DIR is $STATE.  No agent runs: its report is sent
# for it, and what the CA issues is installed by people in the CA's client, of which the inventory learns by uploads.
# (Installations by agents are main_job.sh's and kill.sh's.)
DIR=$STATE
act=run source_dir=$SOURCE build=${BIN%/bin}
export DIR SOURCE PATH=$BIN:$PATH
# shellcheck source=deploy/demo/lib.sh
. "$SOURCE/deploy/demo/lib.sh"
# shellcheck source=deploy/demo/parts.sh
. "$SOURCE/deploy/demo/parts.sh"

# What rig_close ends.
rig_stop() {
	local child
	for child in xuqid sim; do
		[ ! -e "$DIR/run/$child" ] || child_stop "$child"
	done
}

player() { "$SOURCE/tests/rig/player" "$@"; }

# The demo's settings, and the gateway sends its notices to xuqid.
eval "fleet_$(declare -f parts_xuqid_settings)"
parts_xuqid_settings() {
	fleet_parts_xuqid_settings >"$DIR/settings/demo.yaml"
	player hook "$(sim_said gateway)" "$(sim_said ca)" "$DIR/secrets/gateway" \
		"http://127.0.0.1:$(sed -n '/^people:/,/^[^ ]/s/^  port: //p' "$DIR/settings/demo.yaml")/v1/hooks/gateway" \
		>"$DIR/secrets/hook"
	sed "s|^  key_id: .*|&\n  webhook_secret_file: \"$DIR/secrets/hook\"|" "$DIR/settings/demo.yaml"
}

fleet_open() {
	umask 077
	parts_folders
	chmod 755 "$DIR" # PostgreSQL runs as another user when we are root
	parts_start_servers >/dev/null
	player fleet "${1:-$SOURCE/tests/rig/branches.table}" "$DIR"
}
