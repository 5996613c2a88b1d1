# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the demo's scripts share: messages, waiting for a condition with a deadline, free ports, and
# children that are recorded and ended.  Needs DIR, the demo's state folder.  Works without /proc: a
# child is alive while it holds the lock on its own file in DIR/run.

SOFTHSM_MODULE=/usr/lib/softhsm/libsofthsm2.so
DEMO_MARKER=.xuqi-quickstart
DEMO_MARK='state of xuqi deploy/quickstart, layout 1'

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
clock() { date -u +%H:%M:%S; }
seconds_now() { printf '%(%s)T' -1; }

# die REASON...: end the script; whoever runs it ends the children in its EXIT trap.
die() {
	note "${0##*/}: $*"
	exit 1
}

# complaint FILE: the last thing that xuqi complained of there, or else the last line.
complaint() { grep '^xuqi: ' "$1" | tail -n 1 | grep . || tail -n 1 "$1"; }

# wait_until SECONDS WHAT COMMAND...: ask COMMAND five times a second until it is true.  False after
# SECONDS, and at once when a child has died.
wait_until() {
	local what=$2 deadline=$(($(seconds_now) + $1))
	shift 2
	until "$@"; do
		children_alive || return 1
		if [ "$(seconds_now)" -ge "$deadline" ]; then
			note "${0##*/}: gave up waiting for $what"
			return 1
		fi
		sleep 0.2
	done
}

# A secret of 16 characters, letters and digits, for a PIN file.
random_word() {
	local word=
	while [ "${#word}" -lt 16 ]; do
		word+=$(head -c 64 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9')
	done
	printf '%s' "${word:0:16}"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: a port of the loopback that nobody listens on, below the range that outgoing
# connections draw from, and not one handed out before.
free_port() {
	local port first count
	read -r first count <<<"${XUQI_DEMO_PORTS:-20000 12000}"
	for _ in {1..200}; do
		port=$((first + RANDOM % count))
		if ! grep -qsx "$port" "$DIR/run/ports" && ! port_is_taken "$port"; then
			printf '%d\n' "$port" | tee -a "$DIR/run/ports"
			return 0
		fi
	done
	return 1
}

# child_start NAME COMMAND...: run COMMAND in its own session, its output in DIR/logs/NAME.log.  It
# (and what it starts) holds the lock on DIR/run/NAME.
child_start() {
	local name=$1
	shift
	touch "$DIR/run/$name"
	[ ! -e "$DIR/logs/$name.log" ] || mv "$DIR/logs/$name.log" "$DIR/logs/$name.log.before"
	exec 8<>"$DIR/run/$name"
	flock -n 8 || die "$name of an earlier run is still there"
	setsid -- "$@" >>"$DIR/logs/$name.log" 2>&1 </dev/null 7>&- &
	printf '%d\n' "$!" >"$DIR/run/$name"
	exec 8>&-
}

# child_run NAME COMMAND...: a child that is waited for; its exit status.  A signal is heard meanwhile.
child_run() {
	local code=0
	child_start "$@"
	wait "$!" || code=$?
	: >"$DIR/run/$1"
	return "$code"
}

# True while the child NAME, or something it started, lives.
child_lives() { [ -s "$DIR/run/$1" ] && ! flock -n "$DIR/run/$1" true; }

# Signal the child NAME by its process id, or with a leading - its whole session's group.
child_signal() {
	local name=$1 signal=$2 group=${3:-} id
	[ -s "$DIR/run/$name" ] && read -r id <"$DIR/run/$name" && kill "-$signal" -- "$group$id" 2>/dev/null
}

# False, with a message, when a started child has ended by itself.
children_alive() {
	local file name
	for file in "$DIR"/run/*; do
		name=${file##*/}
		if [ "$name" != ports ] && [ -s "$file" ] && ! child_lives "$name"; then
			note "${0##*/}: $name has ended; its last words in $DIR/logs/$name.log:"
			tail -n 5 "$DIR/logs/$name.log" >&2
			return 1
		fi
	done
}

# child_stop NAME: ask it to end, insist after 20 s, and forget it.
child_stop() {
	local name=$1 deadline=$(($(seconds_now) + 20))
	[ -s "$DIR/run/$name" ] || return 0
	child_signal "$name" TERM || true
	while child_lives "$name"; do
		if [ "$(seconds_now)" -ge "$deadline" ]; then
			child_signal "$name" KILL - || true
			break
		fi
		sleep 0.1
	done
	: >"$DIR/run/$name"
}

# Yes when DIR is a folder that an earlier run made.
demo_is_ours() { [ -f "$DIR/$DEMO_MARKER" ] && grep -qxF "$DEMO_MARK" "$DIR/$DEMO_MARKER"; }

# as PERSON COMMAND...: with that person's token.
as() {
	local person=$1
	shift
	XUQI_TOKEN_FILE=$DIR/people/$person.token "$@"
}

# items PERSON ARGUMENTS...: the items of a list of xuqi, one JSON object a line.
items() { as "$1" xuqi "${@:2}" --output json | jq -c '.items[]'; }
