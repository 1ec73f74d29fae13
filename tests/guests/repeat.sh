#!/bin/sh
# Boots the guests with a known verdict many times, or healthy guests of all architectures, and counts what they are
# called. Folders of trials with a wrong verdict are kept and named.
#
#     tests/guests/repeat.sh [guests|healthy|pauses] [--times N] [--jobs N] [--busy] [--only NAME,NAME…] [--release]
#
#   guests     every guest of guests.yaml, 20 times each; the default
#   healthy    300 boots of healthy.yaml
#   pauses     40 trials of pauses.yaml, each in a lab that is stopped for 1 to 60 s meanwhile
#   --times    another number of runs of each guest, or of healthy boots in all
#   --jobs     trials at a time (twice as many as there are cores)
#   --busy     beside twice as many spinning processes as there are cores
#   --only     these guests alone
#   --release  with an optimised program
set -eu

what=guests profile=
export OOMLAB_GUESTS_SPINNERS=0
cores=$(nproc)
export OOMLAB_GUESTS_JOBS=$((2 * cores))

usage() {
	sed -n 's/^# \{0,1\}//; 2,/^set/ { /^set/!p; }' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	guests | healthy | pauses) what=$1 ;;
	--busy) OOMLAB_GUESTS_SPINNERS=$((2 * cores)) ;;
	--release) profile=--release ;;
	--times | --jobs | --only)
		[ $# -gt 1 ] || usage
		case $1 in
		--times) export OOMLAB_GUESTS_TIMES="$2" ;;
		--jobs) OOMLAB_GUESTS_JOBS=$2 ;;
		--only) export OOMLAB_GUESTS_ONLY="$2" ;;
		esac
		shift
		;;
	*) usage ;;
	esac
	shift
done

case $what in
guests) test=repeat::every_guest_is_judged_right_every_time ;;
healthy) test=repeat::healthy_boots_are_never_called_hung ;;
pauses) test=pauses::stopped_labs_never_call_a_healthy_guest_hung ;;
esac
cd "$(dirname "$0")/../.."
exec cargo test --locked --quiet $profile --test it -- --ignored --exact --nocapture "guests::$test"
