#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# manual.sh with kill -9 of xuqid before and after the transaction of every edge and of every journal line of a campaign
# at a CA without an API (payment first): the people go on where they were, and the CA's ledger and the bank show each
# application and each payment once.
# seconds: 420
. "${SOURCE:-$(dirname "$0")/../..}/tests/rig/lib.sh"
rig_open
. "$SOURCE/tests/rig/points.sh"
export XUQI_MANUAL_COUNT=${XUQI_MANUAL_COUNT:-6}

before_rounds() {
	in_database -f "$SOURCE/tests/rig/points.sql"
	arm "before after" "kind <> 'record'"
}

# What the command line says when xuqid is away is not worth a line each time.
exec 2> >(grep -v -e ' cannot be reached: ' -e ': no whole answer from ' >&2)
points_folder
leases_end 30
. "$SOURCE/tests/rig/manual.sh"
points_count manual
expect_its_points manual
expect_equal every_armed_point_on_the_way_has_killed "" "$(missed manual | tr '\n' ',')"
