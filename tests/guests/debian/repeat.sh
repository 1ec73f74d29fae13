#!/bin/sh
# Watches a Debian root: one that boots to a login prompt and idles for three minutes, and one under stress-ng for a minute. None hangs.
#
#     tests/guests/debian/repeat.sh [TIMES] [JOBS]      10 times each, two at a time; OOMLAB names the program
#
# Prints a line a trial; exits with 1 unless all pass. Folders of trials that do not pass are kept and named.
set -eu
times=${1:-10} jobs=${2:-2} oomlab=${OOMLAB:-oomlab}
root=$("$(dirname "$0")/build.sh")
out=$(mktemp -d -t oomlab-debian-XXXXXX)
export oomlab root out

# trial NAME TIMEOUT APPEND
cat >"$out/trial" <<'END'
#!/bin/sh
dir=$out/$1
status=0
"$oomlab" watch --timeout "$2" --json "$dir.json" --out "$dir" -- qemu-system-x86_64 -M q35 -accel tcg -m 512 -smp 2 -nographic \
	-net none -no-reboot -kernel "$root/vmlinuz" -initrd "$root/initrd.img" \
	-drive "file=$root/root.img,format=raw,if=virtio,snapshot=on" \
	-append "root=/dev/vda rw console=ttyS0 $3" </dev/null >"$dir.txt" 2>&1 || status=$?
console=$(cat "$dir"/cells/*/console.log)
case $1 in
idle.*) text=" login: " ;;
*) text="successful run completed" ;;
esac
case $console in
*"$text"*) ;;
*) status=9 ;;
esac
verdict=$(grep -o '"kind": *"[a-z-]*"' "$dir"/cells/*/verdict.json | head -n 1 | cut -d'"' -f4)
if [ "$status" = 0 ]; then
	echo "$1 $verdict"
	rm -r "$dir" "$dir.json" "$dir.txt"
else
	echo "$1 $verdict WRONG: status $status, $dir"
	exit 1
fi
END
chmod +x "$out/trial"
stress='systemd.run="/usr/bin/stress-ng --vm 2 --vm-bytes 90%% --vm-hang 0 --timeout 60s"'
for number in $(seq "$times"); do
	printf '%s\0' "idle.$number" 260 "" "stress.$number" 400 "$stress"
done | xargs -0 -n 3 -P "$jobs" "$out/trial" || { echo "kept in $out" >&2; exit 1; }
rm -r "$out"
