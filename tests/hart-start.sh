#!/bin/bash
# Boots riscv64 with two vCPUs, again and again, beside four busy processes. Every boot must pass.
#
#     tests/hart-start.sh [N] [ARGUMENT…]     200 boots without an argument; further arguments are for `oomlab run`
#
# OOMLAB names the program: target/release/oomlab, built if it is missing. Exits as `oomlab run` does. `-bios default` as the machine's
# firmware shows the failure on a host whose QEMU brings OpenSBI before 1.3: `qemu: [-bios, default]` among the defaults of the matrix.
set -euo pipefail

boots=${1:-200}
shift || true
root=$(cd "$(dirname "$0")/.." && pwd)
oomlab=${OOMLAB:-$root/target/release/oomlab}
[ -x "$oomlab" ] || (cd "$root" && cargo build --release --locked)

busy=()
trap 'kill "${busy[@]}"' EXIT
for _ in 1 2 3 4; do
	while :; do :; done &
	busy+=($!)
done
"$oomlab" run "$root/matrices/hart-start.yaml" --repeat "$boots" "$@"
