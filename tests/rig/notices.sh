#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Digests over the wire: 40 owners of 5,000 tasks get one message each by a real mail server (STARTTLS, login) and one
# by a signing chat robot, although xuqid is killed in the middle; nothing that must stay secret is in any of
# them or in the log.  The mail server that speaks TLS at once gets its share in the second half.
# seconds: 300
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
program=
receiver=
rig_end() {
	# shellcheck disable=SC2086 # none, one or two
	kill -TERM $program $receiver 2>/dev/null || true
	wait
}

OWNERS=40 TASKS=5000
QR_TEXT='weixin://bind/rig-ticket' MOBILE=13812345678 ID_NUMBER=440106199001011234

# ---- the outside ------------------------------------------------------------------------------------
certificates() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=rig-root \
		-keyout "$RIG/root.key" -out "$RIG/root.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
		-keyout "$OUT/server.key" -out "$RIG/server.csr" 2>/dev/null
	printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$RIG/san"
	openssl x509 -req -in "$RIG/server.csr" -CA "$RIG/root.pem" -CAkey "$RIG/root.key" -CAcreateserial \
		-days 2 -extfile "$RIG/san" -out "$OUT/server.pem" 2>/dev/null
}

secret_file() { (umask 077 && head -c 18 /dev/urandom | base64 -w 0 >"$1"); }

the_outside() {
	OUT=$RIG/outside
	mkdir -p "$OUT"
	certificates
	secret_file "$OUT/password"
	secret_file "$OUT/robot.secret"
	: >"$OUT/refused"
	"$SOURCE/tests/rig/receiver" "$OUT" 2>"$RIG/receiver.log" &
	receiver=$!
	wait_for 20 "the receiver" test -e "$OUT/ports"
	read -r starttls implicit robot <"$OUT/ports"
	(umask 077 && printf 'https://localhost:%s/robot/send?access_token=rig-robot-key' "$robot" >"$RIG/robot.url")
}

# ---- xuqid ------------------------------------------------------------------------------------------
settings() { # SMTP-URL: one digest a day, and today is an office day from midnight on
	printf 'working: [%s]\noffice: { open: "00:00", close: "23:59" }\n' "$(TZ=Asia/Shanghai date +%F)" >"$RIG/site.yaml"
	cat <<-YAML
		state_dir: $STATE
		people: {port: 0}
		agents: {address: 127.0.0.1, port: 0}
		payee: {account: "1", bank: rig}
		calendar: {dir: "$SOURCE/policies/calendar", override: "$RIG/site.yaml"}
		notify:
		  period_minutes: 1440
		  templates: "$SOURCE/policies/notices"
		  smtp: {url: "$1", from: xuqi@rig.example, user: xuqi, password_file: "$OUT/password", ca_file: "$RIG/root.pem"}
		  webhook: {kind: dingtalk, url_file: "$RIG/robot.url", secret_file: "$OUT/robot.secret", ca_file: "$RIG/root.pem", per_minute: 1000}
	YAML
}

is_ready() { grep -q '^ready ' "$RIG/out" 2>/dev/null; }

start() {
	: >"$RIG/out"
	"$BIN/xuqid" --settings "$RIG/xuqid.yaml" >"$RIG/out" 2>>"$RIG/log" &
	program=$!
	wait_for 60 "xuqid" is_ready
	XUQI_URL=$(sed -n 's/^ready people=\([^ ]*\).*/\1/p' "$RIG/out")
	export XUQI_URL XUQI_TOKEN_FILE=$STATE/admin.token
}

stop() {
	kill "-$1" "$program"
	wait "$program" 2>/dev/null || true
	program=
}

pg() {
	local data=$STATE/pgdata bins=(/usr/lib/postgresql/*/bin)
	"${bins[-1]}/psql" -qAtU xuqi -d xuqi -h "$(sed -n 5p "$data/postmaster.pid")" \
		-p "$(sed -n 4p "$data/postmaster.pid")" -c "$1"
}

# Owners with addresses as an admin makes them, and tasks as flows open them.
owners() { # FIRST LAST PREFIX
	local i
	for i in $(seq "$1" "$2"); do
		"$BIN/xuqi" token create --login "$3$i" --name "Owner $i" --role handler --mobile "$MOBILE" \
			--email "$3$i@rig.example" --out "$RIG/token" >/dev/null 2>>"$RIG/cli.log"
	done
}

tasks() { # COUNT LOGIN-PATTERN
	pg "with o as (select id, row_number() over (order by id) - 1 as n, count(*) over () as all from people where login like '$2')
		insert into tasks (kind, role, assignee_id, title, instruction, if_ignored, values)
		select 'bind', 'handler', o.id, 'Bind for $MOBILE, see $QR_TEXT', 'secret instruction', 'f', '{\"id_number\":\"$ID_NUMBER\"}'
		from generate_series(0, $1 - 1) i join o on o.n = i % o.all" >/dev/null
}

mails() { find "$OUT/mail" -type f | wc -l; }
robots() { find "$OUT/robot" -type f | wc -l; }
has_mails() { [ "$(mails)" -ge "$1" ]; }
has_robots() { [ "$(robots)" -ge "$1" ]; }
deliveries_are() { # COUNT CONDITION
	[ "$(pg "select count(*) from deliveries where $2")" = "$1" ]
}
recipients() { sed -n 's/^X-Rig: \([^ ]*\).*/\1/p' "$OUT"/mail/* | sort; }
texts() { # every message in clear
	local file
	for file in "$OUT"/mail/*; do
		tr -d '\r' <"$file" | sed '1,/^$/d' | base64 -d
	done
	cat "$OUT"/robot/*
}

# ---- settings that cannot work are refused with their name --------------------------------------------
refused() { # NAME PATTERN SED: the settings changed by SED are refused with PATTERN
	sed "$3" "$RIG/xuqid.yaml" >"$RIG/wrong.yaml"
	"$BIN/xuqid" --settings "$RIG/wrong.yaml" --check >"$RIG/check" 2>&1 && printf 'accepted\n' >"$RIG/check"
	expect "$1" grep -q "$2" "$RIG/check"
}

refusals() {
	refused mail_in_clear_is_refused 'notify.smtp.url: "mail://x" begins with neither' 's|smtp://localhost:[0-9]*|mail://x|'
	refused a_sender_that_is_no_address_is_refused 'notify.smtp.from: ' 's|from: xuqi@rig.example|from: xuqi|'
	refused a_login_without_a_password_is_refused 'notify.smtp.user and notify.smtp.password_file go together' \
		's|, password_file: "[^"]*"||'
	refused a_robot_without_an_address_is_refused 'notify.webhook.kind and notify.webhook.url_file go together' \
		's|url_file: "[^"]*", ||'
}

# ---- 40 owners, and a kill in the middle ------------------------------------------------------------
the_outside
settings "smtp://localhost:$starttls" >"$RIG/xuqid.yaml"
refusals
sed '/^notify:/,$d' "$RIG/xuqid.yaml" >"$RIG/quiet.yaml"
cp "$RIG/xuqid.yaml" "$RIG/loud.yaml"
cp "$RIG/quiet.yaml" "$RIG/xuqid.yaml"
start
owners 1 "$OWNERS" owner
tasks "$TASKS" 'owner%'
stop TERM
cp "$RIG/loud.yaml" "$RIG/xuqid.yaml"
start
wait_for 60 "the first mails" has_mails 5
stop KILL
start
wait_for 60 "the other mails" has_mails $((OWNERS - 1))
wait_for 60 "the robot's messages" has_robots $((OWNERS - 1))
wait_for 30 "the last notices" deliveries_are 0 "state = 'due'"

expect_equal each_owner_has_one_digest_although_xuqid_was_killed "$OWNERS" "$(pg 'select count(*) from digests')"
expect_equal nobody_got_two_mails '' "$(recipients | uniq -d)"
expect at_most_one_sending_is_unsure_after_the_kill \
	test "$(pg "select count(*) from deliveries where state <> 'sent'")" -le 1
expect_equal every_mail_came_over_tls_after_a_login "$(mails)" "$(grep -l '^X-Rig: .* tls login' "$OUT"/mail/* | wc -l)"
expect_equal the_robot_refused_nothing '' "$(cat "$OUT/refused")"
texts >"$RIG/texts"
expect_equal every_message_counts_its_owners_tasks "$(($(mails) + $(robots)))" "$(grep -c '125 tasks wait for you' "$RIG/texts")"
expect_equal no_message_shows_a_qr_text_an_id_number_or_a_mobile '' \
	"$(grep -aoE "$MOBILE|$ID_NUMBER|rig-ticket|secret instruction" "$RIG/texts" | sort -u)"
printf '%s\n' "$MOBILE" "$ID_NUMBER" rig-ticket rig-robot-key @rig.example "$(<"$OUT/password")" \
	"$(<"$OUT/robot.secret")" >"$RIG/patterns"
expect_equal nothing_of_it_is_in_the_log '' "$(grep -aoFf "$RIG/patterns" "$RIG/log" | sort -u)"
expect_equal the_search_finds_what_is_there rig-ticket \
	"$(printf 'see rig-ticket\n' | grep -aoFf "$RIG/patterns")"

# ---- refusals: for a while, for good, TLS at once, a stranger's certificate ---------------------------
stop TERM
settings "smtps://localhost:$implicit" | sed 's/, user: xuqi, password_file: "[^"]*"//; /webhook:/d' >"$RIG/xuqid.yaml"
start
before=$(mails)
owners 1 1 later.
owners 1 1 full.
tasks 2 '%.1'
pg "delete from digest_tasks; delete from deliveries; delete from digests where owner_id not in (select id from people where login like '%.1')" >/dev/null
pg "update tasks set state = 'done' where assignee_id in (select id from people where login like 'owner%')" >/dev/null
stop TERM
start
wait_for 60 "the mailbox that is full" deliveries_are 1 "state = 'failed'"
wait_for 90 "the mailbox that comes later" has_mails $((before + 1))
wait_for 10 "the last notice" deliveries_are 0 "state in ('due', 'sending')"
expect_equal what_is_refused_for_a_while_is_sent_later 'later.1@rig.example 2' \
	"$(pg "select m.login || '@rig.example ' || n.attempts from deliveries n join digests d on d.id = n.digest_id join people m on m.id = d.owner_id where n.state = 'sent'")"
expect the_doctor_knows_of_the_mailbox_that_is_full sh -c "'$BIN/xuqi' doctor | grep -q 'could not be sent, the last one to full.1: '"
expect_equal nobody_else_is_written_to $((before + 1)) "$(mails)"

stop TERM
sed -i "s|ca_file: \"$RIG/root.pem\"|ca_file: \"$RIG/stranger.pem\"|" "$RIG/xuqid.yaml"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stranger \
	-keyout "$RIG/stranger.key" -out "$RIG/stranger.pem" 2>/dev/null
start
pg "delete from digest_tasks; delete from deliveries; delete from digests" >/dev/null
stop TERM
start
wait_for 60 "a refused certificate" deliveries_are 2 "state = 'due' and attempts = 1"
expect_equal a_server_with_a_strangers_certificate_gets_nothing $((before + 1)) "$(mails)"
stop TERM
