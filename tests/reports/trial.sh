#!/bin/sh
# trial 2026-11-24-0/linux-6.1.riscv64-nommu.32M.zombie-victim
# kernel linux-6.1 for riscv64-nommu, release 6.1.192, sha256 abababababababababababababababababababababababababababababababab
# it ended as hang/oom-livelock: victim pid 26 (pipe-fill) is a zombie; pid 27 loops in __alloc_pages_slowpath (94 % of samples)
# the console is here; Ctrl-A X ends QEMU, Ctrl-A C is its monitor
set -eu

[ -r /home/me/.cache/oomlab/Image ] || { echo 'missing: /home/me/.cache/oomlab/Image' >&2; exit 1; }
[ -r '/home/me/my cache/initrd' ] || { echo 'missing: /home/me/my cache/initrd' >&2; exit 1; }

exec qemu-system-riscv64 \
    -name linux-6.1.riscv64-nommu.32M.zombie-victim \
    -m 32M \
    -display none \
    -kernel /home/me/.cache/oomlab/Image \
    -initrd '/home/me/my cache/initrd' \
    -append 'console=ttyS0 quiet' \
    -serial mon:stdio
