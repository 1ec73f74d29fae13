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
if command -v sha256sum >/dev/null && [ "$(sha256sum <"$kernel")" != 'abababababababababababababababababababababababababababababababab  -' ]; then
    echo "$kernel is not the recorded kernel" >&2
fi

initrd='/home/me/my cache/initrd'
initrd=${INITRD:-$initrd}
[ -r "$initrd" ] || { echo "missing: $initrd; set INITRD to the file" >&2; exit 1; }

# of the agent's frames only what a script prints is shown; FRAMES=1 shows them all
if [ -z "${FRAMES:-}" ]; then
    if sed -u p </dev/null >/dev/null 2>&1; then unbuffered=-u; else unbuffered=; fi
    output='/^@oomlab [0-9]* output text=/{s/^[^=]*=//;s/ more=1//;s/ \*[0-9a-f]*.*$//;y/+/ /;s/%09/ /g;s/%2b/+/g;s/%25/%/g
    b
    }'
    dir=$(mktemp -d)
    mkfifo "$dir/console"
    { rm -r "$dir"; exec sed $unbuffered -e "$output" -e '/^@oomlab /d' -e 's/@oomlab [0-9].*//'; } <"$dir/console" &
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
