#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The digital twin (tests/twin/README.md): a share of its seeds with sanitizers, the same seed twice byte for byte,
# and each deliberate defect, which it must find within 100 seeds.
# seconds: 600
set -euo pipefail
source=${SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
bin=${BIN:-${XUQI_BUILD:-$source/build-asan}/bin} release=${RELEASE_BIN:-${XUQI_BUILD:-$source/build-release}/bin}
dir=$(mktemp -d /tmp/xuqi-rig-twin-XXXXXX)
trap 'rm -rf "$dir"' EXIT

say() { # NAME COMMAND…: ok if it exits 0
	local name=$1
	shift
	if "$@" >"$dir/log" 2>&1; then
		printf 'ok %s\n' "$name"
	else
		printf 'not ok %s\n' "$name" && sed 's/^/# /' "$dir/log" | tail -n 20
	fi
}

same_bytes() { # in a build that spares itself nothing, too (README.md)
	"$bin/xuqi-twin" --seed 7 --renewals 10 --trace >"$dir/one" &&
		"$release/xuqi-twin" --seed 7 --renewals 10 --trace >"$dir/two" &&
		[ -s "$dir/one" ] && cmp "$dir/one" "$dir/two"
}

many() { # every kind of them comes to a good end
	"$release/xuqi-twin" --seed 1 --seeds 60 --renewals 100 --jobs "$(nproc)" >"$dir/many" || return 1
	cat "$dir/many"
	grep -q 'by hand [1-9][0-9]*, again [1-9]' "$dir/many"
}

say "60 seeds of 100 renewals without a violation" many
say 'twenty seeds of 20 renewals with sanitizers' \
	"$bin/xuqi-twin" --seed 1 --seeds 20 --renewals 20 --jobs "$(nproc)"
say 'the same seed gives the same bytes' same_bytes
for defect in blind-retry late-intent no-fence; do
	say "the defect $defect is found" "$release/xuqi-twin-$defect" --seeds 100 --renewals 20 --until-found
done
say 'no-fence is found by what it does, too' \
	"$release/xuqi-twin-no-fence" --seeds 100 --renewals 20 --until-found --by-harm
