#!/bin/bash
# What the lab costs: a cell against the bare QEMU command line that `oomlab plan` prints for it, side by side.
#
#     cargo build --release
#     tests/perf/overhead.sh [PAIRS]          # 10 pairs without an argument; OOMLAB=PROGRAM measures another build
#
# It asserts nothing: figures of a busy machine say little. Run it on an idle one.
set -euo pipefail

pairs=${1:-10}
root=$(cd "$(dirname "$0")/../.." && pwd)
oomlab=$(realpath "${OOMLAB:-$root/target/release/oomlab}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat > matrix.yaml <<MATRIX
axes: {kernel: linux-7.3, arch: riscv64-nommu, ram: 32M, workload: idle}
MATRIX

# Prints the wall time of a command in seconds; what the command prints goes to a log.
wall() {
    local begin end
    begin=$(date +%s%N)
    "$@" > log 2>&1 || { cat log >&2; exit 1; }
    end=$(date +%s%N)
    awk "BEGIN { printf \"%.3f\\n\", ($end - $begin) / 1e9 }"
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int((NR + 2) / 2)]) / 2 }'
}

ratio() {
    awk "BEGIN { printf \"%.3f\", $1 / $2 }"
}

# Prints the bare command line as the plan shows it, with sockets of its own, which stay without a client.
bare_command() {
    "$oomlab" plan matrix.yaml | sed -n 's/^  \(qemu-system-.*\)/\1/p' |
        sed "s|/tmp/oomlab-|$work/$1-|g; s|wait=on|wait=off|"
}

# Runs COUNT bare command lines, two at a time.
bare_loop() {
    seq "$1" | xargs -P 2 -I{} sh "$work/bare-{}.sh"
}

# The first run fetches or builds the kernel and the image.
"$oomlab" run matrix.yaml --out warm-up > log 2>&1 || { cat log >&2; exit 1; }
for number in $(seq 20); do
    printf 'exec %s\n' "$(bare_command "$number")" > "bare-$number.sh"
done

echo "one riscv64-nommu idle cell, $pairs pairs (seconds)"
printf '%8s  %8s  %8s\n' bare cell program
for number in $(seq "$pairs"); do
    bare=$(wall sh bare-1.sh)
    program=$(wall "$oomlab" run matrix.yaml --out "one-$number" --json one.json)
    cell=$(sed -n '/"cells"/,$ s/^ *"duration_s": \([0-9.]*\),/\1/p' one.json)
    printf '%8s  %8s  %8s\n' "$bare" "$cell" "$program" | tee -a one.txt
done
bare=$(awk '{ print $1 }' one.txt | median)
cell=$(awk '{ print $2 }' one.txt | median)
program=$(awk '{ print $3 }' one.txt | median)
echo "medians: bare $bare, cell $cell ($(ratio "$cell" "$bare") of bare), program $program ($(ratio "$program" "$bare") of bare)"

echo
echo "20 riscv64-nommu idle cells, two at a time, 3 pairs (seconds)"
printf '%8s  %8s\n' loop program
for number in 1 2 3; do
    loop=$(wall bare_loop 20)
    program=$(wall "$oomlab" run matrix.yaml --repeat 20 --jobs 2 --out "many-$number")
    printf '%8s  %8s\n' "$loop" "$program" | tee -a many.txt
done
loop=$(awk '{ print $1 }' many.txt | median)
program=$(awk '{ print $2 }' many.txt | median)
echo "medians: loop $loop, program $program ($(ratio "$program" "$loop") of the loop)"
