-- SPDX-License-Identifier: Apache-2.0
-- What comes after a kill of the only xuqid, before it is started again (tests/rig/points.sh).  :killed is what it says
-- it died of so far.
update renewals set claimed_until = clock_timestamp() where claimed_until > clock_timestamp();
select rig.arm_again(:'killed');
