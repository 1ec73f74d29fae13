#!/bin/sh
# Mutates what judges, crates/kmsg, crates/watchdog and crates/changepoint, and lists the mutants that no test catches.
#
#     tests/mutants.sh [OPTION OF cargo mutants]…      for example --shard 0/10, or -f 'crates/watchdog/**'
#
# Results: target/mutants/mutants.out.
set -eu
cd "$(dirname "$0")/.."
exec cargo mutants --package kmsg --package watchdog --package changepoint --test-workspace=false --output target/mutants --timeout 30 "$@"
