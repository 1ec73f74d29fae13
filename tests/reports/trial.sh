#!/bin/sh
# trial 2026-11-24-0/linux-6.1.riscv64-nommu.32M.zombie-victim
# kernel linux-6.1 for riscv64-nommu, release 6.1.192, sha256 abababababababababababababababababababababababababababababababab
# it ended as hang/oom-livelock: victim pid 26 (pipe-fill) is a zombie; pid 27 loops in __alloc_pages_slowpath (94 % of samples)
# the console is here; Ctrl-A X ends QEMU, Ctrl-A C is its monitor
set -eu

cache=${OOMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomlab}
kernel="$cache"/Image
kernel=${KERNEL:-$kernel}
[ -r "$kernel" ] || { echo "missing: $kernel; set KERNEL to the file" >&2; exit 1; }
[ "$(sha256sum <"$kernel")" = 'abababababababababababababababababababababababababababababababab  -' ] || echo "$kernel is not the recorded kernel" >&2

initrd='/home/me/my cache/initrd'
initrd=${INITRD:-$initrd}
[ -r "$initrd" ] || { echo "missing: $initrd; set INITRD to the file" >&2; exit 1; }

# the agent's frames are left out of the console; FRAMES=1 shows them
if [ -z "${FRAMES:-}" ]; then
    dir=$(mktemp -d)
    mkfifo "$dir/console"
    { rm -r "$dir"; exec sed -u -e '/^@oomlab /d' -e 's/@oomlab [0-9].*//'; } <"$dir/console" &
    exec >"$dir/console"
fi

exec qemu-system-riscv64 \
    -name linux-6.1.riscv64-nommu.32M.zombie-victim \
    -m 32M \
    -display none \
    -kernel "$kernel" \
    -initrd "$initrd" \
    -append 'console=ttyS0 quiet' \
    -serial mon:stdio
