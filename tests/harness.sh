# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Counting for tests/run: runs programs and scripts, keeps their logs, and turns what they say into
# lines `ok NAME`, `not ok NAME # reason` and `skip NAME # reason` in $RESULTS.  A program that ends
# without saying what it was expected to say has failed.  tests/lint/self-test tests this file.
# Needs: RESULTS (file), LOGS (folder).

record_ok() { printf 'ok %s\n' "$1" >>"$RESULTS"; }

record_failure() {
	printf 'not ok %s # %s\n' "$1" "$2" >>"$RESULTS"
}

record_skip() {
	printf 'skip %s # %s\n' "$1" "$2" >>"$RESULTS"
}

# The log file of a check: its name with / as -.
log_of() { printf '%s/%s.log' "$LOGS" "${1//\//-}"; }

# exit_reason CODE: how a program ended, for a person.
exit_reason() {
	case $1 in
	124 | 137) printf 'timed out or killed (exit %d)' "$1" ;;
	129 | 13[0-69] | 14?) printf 'died of signal %d' $(($1 - 128)) ;;
	*) printf 'exit %d' "$1" ;;
	esac
}

# check NAME SECONDS COMMAND...: one check, passed when the command exits 0.
check() {
	local name=$1 seconds=$2 log code=0
	shift 2
	log=$(log_of "$name")
	timeout -k 5 "$seconds" "$@" >"$log" 2>&1 </dev/null || code=$?
	if [ "$code" -eq 0 ]; then
		record_ok "$name"
	else
		record_failure "$name" "$(exit_reason "$code"), see $log"
	fi
	return "$code"
}

# run_unit NAME SECONDS PROGRAM: a cmocka program, counted test by test.  Besides its failed tests
# these are failures: tests announced but not reported (a crash, an early exit), no plan at all, and
# an exit code other than 0 without a failed test (a leak found at the end).
run_unit() {
	local name=$1 seconds=$2 program=$3 log tap code=0
	log=$(log_of "$name")
	tap=${log%.log}.tap
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "$seconds" "$program" >"$tap" 2>"$log" </dev/null || code=$?
	awk -v name="$name" -v code="$code" -v log_file="$log" -v ended="$(exit_reason "$code")" '
		/^1\.\.[0-9]+$/ { planned += substr($0, 4); plans++ }
		/^ok [0-9]+ - / { sub(/^ok [0-9]+ - /, ""); print "ok " name "/" $0; seen++ }
		/^not ok [0-9]+ # SKIP/ {
			sub(/^not ok [0-9]+ # SKIP */, ""); print "skip " name "/" $0 " # skipped by the test"; seen++
			next
		}
		/^not ok [0-9]+ - / {
			sub(/^not ok [0-9]+ - /, ""); print "not ok " name "/" $0 " # see " log_file; seen++; failed++
		}
		END {
			if (plans == 0)
				print "not ok " name " # ran no test (" ended "), see " log_file
			else if (seen != planned)
				print "not ok " name " # " seen + 0 " of " planned " tests reported (" ended "), see " log_file
			else if (code != 0 && !failed)
				print "not ok " name " # " ended " after all tests passed, see " log_file
		}' "$tap" >"$tap.results"
	cat "$tap" >>"$log"
	cat "$tap.results" >>"$RESULTS"
	rm -f "$tap" "$tap.results"
}

# run_script NAME SECONDS SCRIPT...: a script that prints `ok X`, `not ok X` and `skip X # reason`.
# Failures besides: nothing printed, and an exit code other than 0 without a `not ok`.
run_script() {
	local name=$1 seconds=$2 log code=0
	shift 2
	log=$(log_of "$name")
	timeout -k 20 "$seconds" "$@" >"$log" 2>&1 </dev/null || code=$?
	awk -v name="$name" -v code="$code" -v log_file="$log" -v ended="$(exit_reason "$code")" '
		/^ok [^ ]/ { sub(/^ok /, ""); print "ok " name "/" $0; seen++ }
		/^not ok [^ ]/ {
			sub(/^not ok /, ""); print "not ok " name "/" $0 (/#/ ? "" : " # see " log_file); seen++; failed++
		}
		/^skip [^ ]/ { sub(/^skip /, ""); print "skip " name "/" $0 (/#/ ? "" : " # no reason given"); seen++ }
		END {
			if (code != 0 && !failed)
				print "not ok " name " # " ended ", see " log_file
			else if (!seen)
				print "not ok " name " # said nothing, see " log_file
		}' "$log" >>"$RESULTS"
}

# summary: failures and skips with their reasons, then the one line that counts.  False if any failed.
summary() {
	local passed failed skipped
	passed=$(grep -c '^ok ' "$RESULTS" || true)
	failed=$(grep -c '^not ok ' "$RESULTS" || true)
	skipped=$(grep -c '^skip ' "$RESULTS" || true)
	grep '^skip ' "$RESULTS" || true
	grep '^not ok ' "$RESULTS" || true
	if [ "$((passed + failed))" -eq 0 ]; then
		printf 'not ok run # nothing was checked\n'
		failed=1
	fi
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ]
}
