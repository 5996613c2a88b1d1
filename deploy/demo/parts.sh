# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The demo's parts as children of quickstart: the simulator (CA, bank, phone), xuqid with its embedded
# PostgreSQL, and one agent a workstation.  Settings are written anew at every start, because the ports
# may have changed; secrets and identities are made once.  Exports XUQI_URL and SIM_CONTROL.
# For tests: XUQI_DEMO_XUQID is what is run in place of xuqid, XUQI_DEMO_KNOBS more knobs (JSON) of the
# simulator, XUQI_DEMO_TIMEOUT_MS the time-out of the gateway, XUQI_DEMO_PORTS the first of the ports and how many
# (20000 12000).

WORKSTATIONS='ws-1 ws-2 ws-3'

parts_folders() {
	mkdir -p "$DIR"/{logs,run,lists,settings,secrets,people,tokens,usb/empty,agents,xuqid,sim}
	random_word >"$DIR/secrets/gateway"
}

# ---- the CA, the bank and the phone ---------------------------------------------------------------

# One transfer loses its reference on the way; one declared payment has not arrived yet, twice.
parts_knobs() {
	jq -n --argjson more "${XUQI_DEMO_KNOBS:-{\}}" '{bank_drop_reference_nth: 5, not_arrived_times: 2} + $more'
}

parts_sim_is_ready() { grep -qs '^ready ' "$DIR/logs/sim.log"; }

# sim_said WORD: the value of WORD in the simulator's ready line.
sim_said() { sed -n "s/^ready .*\\b$1=\\([^ ]*\\).*/\\1/p" "$DIR/logs/sim.log"; }

parts_start_simulator() {
	child_start sim xuqi-sim --state "$DIR/sim" --key-id demo --secret-file "$DIR/secrets/gateway"
	wait_until 20 "the simulator" parts_sim_is_ready || die "the simulator did not start"
	SIM_CONTROL=$(sim_said control)
	export SIM_CONTROL
	curl -sfS -o "$DIR/settings/root.pem" "$SIM_CONTROL/sim/pki/root.pem"
	curl -sfS -o "$DIR/settings/chain.pem" "$SIM_CONTROL/sim/pki/chain.pem"
	[ "$act" = resume ] || curl -sfS -X PUT -d "$(parts_knobs)" "$SIM_CONTROL/sim/knobs" >/dev/null
}

# ---- xuqid ----------------------------------------------------------------------------------------

# Only what differs from the defaults (xuqid --print-settings shows all).
parts_xuqid_settings() {
	cat <<-YAML
		# Written by deploy/quickstart.
		state_dir: "$DIR/xuqid"
		people:
		  address: "127.0.0.1"
		  port: $(free_port)
		agents:
		  address: "127.0.0.1"
		  port: $(free_port)
		  poll_seconds: 1
		gateway:
		  url: "$(sim_said gateway)"
		  ca_file: "$(sim_said ca)"
		  key_id: "demo"
		  secret_file: "$DIR/secrets/gateway"
		  timeout_ms: ${XUQI_DEMO_TIMEOUT_MS:-30000}
		payee:
		  name: "广东省电子商务认证有限公司"
		  account: "44050158010109666888"
		  bank: "中国建设银行股份有限公司广州东山支行"
		calendar:
		  dir: "$source_dir/policies/calendar"
		pacing: # seconds, for a demonstration
		  poll_first_seconds: 1
		  poll_max_seconds: 2
		  verify_seconds: 2
		  retry_first_seconds: 1
		  retry_max_seconds: 2
		  meta_seconds: 5
		  lease_seconds: 10
	YAML
}

setting() { sed -n "/^$1:/,/^[^ ]/s/^  $2: //p" "$DIR/settings/xuqid.yaml"; }

parts_xuqid_is_ready() { curl -sf -o "$DIR/lists/ready" "$XUQI_URL/readyz"; }

parts_start_xuqid() {
	local xuqid
	read -r -a xuqid <<<"${XUQI_DEMO_XUQID:-xuqid}"
	parts_xuqid_settings >"$DIR/settings/xuqid.yaml"
	XUQI_URL=http://127.0.0.1:$(setting people port)
	export XUQI_URL
	child_start xuqid "${xuqid[@]}" --settings "$DIR/settings/xuqid.yaml"
	wait_until 60 "xuqid" parts_xuqid_is_ready || die "xuqid did not start"
	parts_env
}

# What a person sources to look around.
parts_env() {
	local login
	{
		printf 'export XUQI_URL=%q\n' "$XUQI_URL"
		printf 'export XUQI_TOKEN_FILE=%q\n' "$DIR/people/operator.token"
		# shellcheck disable=SC2016 # expanded when it is sourced
		printf 'export PATH=%q:"$PATH"\n' "$build/bin"
		printf 'export XUQI_QUICKSTART_DIR=%q\n' "$DIR"
		printf '# The tokens of the other persons:\n'
		for login in approver finance finance2 handler admin; do
			printf '#   XUQI_TOKEN_FILE=%q\n' "$DIR/people/$login.token"
		done
	} >"$DIR/env"
	jq -n --arg control "$SIM_CONTROL" --arg agents "https://127.0.0.1:$(setting agents port)" \
		--arg agent_ca "$DIR/xuqid/agent-ca.pem" '{$control, $agents, $agent_ca}' >"$DIR/settings/demo.json"
}

parts_start_servers() {
	: >"$DIR/run/ports"
	say "Starting the simulator of CA and bank, and xuqid with its PostgreSQL"
	parts_start_simulator
	parts_start_xuqid
}

# ---- the agents -----------------------------------------------------------------------------------

parts_agent_settings() { # WORKSTATION
	local token ws
	cat <<-YAML
		# Written by deploy/quickstart.
		server:
		  url: "https://127.0.0.1:$(setting agents port)"
		  ca_file: "$DIR/xuqid/agent-ca.pem"
		state_dir: "$DIR/agents/$1"
		lock_file: "$DIR/agents/$1/token.lock"
		client:
		  version_file: "$DIR/agents/$1/client-version"
		pkcs11:
		  module: "$P11LOG_MODULE"
		roots_file: "$DIR/settings/root.pem"
		poll:
		  max_seconds: 2
		tokens:
	YAML
	while IFS=$'\t' read -r token ws _; do
		[ "$ws" = "$1" ] || continue
		cat <<-YAML
			  - serial: "$(cat "$DIR/tokens/$token/serial")"
			    pin_file: "$DIR/agents/$1/pins/$token"
			    consent: {custodian: "保管人-$1", given_on: "$(date -u +%F)"}
		YAML
	done <"$DIR/lists/plan.tsv"
}

# A workstation is enrolled once, with a one-time code that IT asks for.
parts_enrol() { # WORKSTATION
	local unit
	[ ! -e "$DIR/agents/$1/identity.pem" ] || return 0
	unit=$(awk -F '\t' -v ws="$1" '$2 == ws { print $8; exit }' "$DIR/lists/plan.tsv")
	printf 'V4.7.10\n' >"$DIR/agents/$1/client-version"
	as operator xuqi agent enrol-code --workstation "$1" --unit "$unit" --place "$unit $1" \
		--out "$DIR/secrets/$1.code" >>"$DIR/logs/enrol.log" 2>&1 &&
		xuqi-agent enrol --settings "$DIR/settings/$1.yaml" --code-file "$DIR/secrets/$1.code" \
			>>"$DIR/logs/enrol.log" 2>&1
}

parts_start_agents() {
	local ws
	for ws in $WORKSTATIONS; do
		parts_agent_settings "$ws" >"$DIR/settings/$ws.yaml"
		parts_enrol "$ws" || die "the agent of $ws could not enrol: $DIR/logs/enrol.log"
		child_start "agent-$ws" env SOFTHSM2_CONF="$DIR/usb/$ws/softhsm2.conf" \
			XUQI_P11LOG_MODULE="$SOFTHSM_MODULE" XUQI_P11LOG_FILE="$DIR/logs/p11-$ws.log" \
			xuqi-agent --settings "$DIR/settings/$ws.yaml"
	done
}

# ---- the end --------------------------------------------------------------------------------------


parts_stop() {
	local name
	for name in fleet prepare tour campaign people plugger agent-ws-1 agent-ws-2 agent-ws-3 xuqid sim; do child_stop "$name"; done
}

# What an earlier run left behind when it was killed: its children, and the PostgreSQL of its xuqid.
leftovers_end() {
	local file id sockets
	[ -d "$DIR/run" ] || return 0
	parts_stop
	for file in "$DIR"/xuqid/*/postmaster.pid; do
		[ -e "$file" ] || continue
		read -r id <"$file"
		sockets=$(sed -n 5p "$file")
		kill -INT "$id" 2>/dev/null || continue
		wait_until 30 "the PostgreSQL of an earlier run" is_gone "$id" || die "PostgreSQL ($id) does not end"
		rm -rf "${sockets:-$DIR/none}"
	done
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }
