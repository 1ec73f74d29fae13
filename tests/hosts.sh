#!/bin/bash
# Runs matrices/smoke.yaml on fresh roots of other distributions, with no packages but those that `oomlab doctor --fix` installs.
#
#     tests/hosts.sh [bookworm] [trixie] [noble[=MIRROR]]     bookworm and trixie without an argument; SUITE=MIRROR names another mirror
#
# Variables:
#
#     OOMLAB          the program: target/release/oomlab, built if it is missing. Its libc must not be newer than the oldest host's.
#     DEBIAN_MIRROR   the mirror that this host's apt uses; noble's kernels come from it, too
#     UBUNTU_MIRROR   noble is not run without one
#     HOSTS_CACHE     a folder that keeps the kernels and downloads of each host between runs; otherwise every run fetches and builds them
#
# Prints a line for each host with the seconds of the run, without those to build its kernel: about four minutes on two cores. Exits with
# 1 if a host differs, or else with 3 if one was not run. Keeps and names the log and the run of a host that differs. Needs
# `apt install mmdebstrap`, without root also `uidmap`, and for noble `ubuntu-keyring`.
set -euo pipefail

debian=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)}
debian=${debian%/} ubuntu=${UBUNTU_MIRROR:-}

usage() {
	sed -n 's/^# \{0,1\}//; 2,/^set/ { /^set/!p; }' "$0" >&2
	exit 2
}

# The two ends of a host without a verdict: `not_run REASON`, and `failed STEP`, which names the log.
not_run() {
	printf '%-9s not run: %s\n' "$suite" "$1"
	exit 3
}
failed() {
	printf '%-9s failed: %s: %s\n' "$suite" "$1" "$dir/log"
	exit 1
}

# in_root SECONDS COMMAND…: runs it in the root as on a fresh login; nothing of this environment is there.
in_root() {
	local seconds=$1
	shift
	timeout --kill-after=30 "$seconds" chroot "$root" env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		OOMLAB_CACHE=/var/cache/oomlab "${mirror_of_kernels[@]}" \
		sh -c 'cd /root && exec "$@"' sh "$@" </dev/null
}

# The version of a program's first line, without the patch level: 7.2 of `QEMU emulator version 7.2.22 (Debian …)`.
version() {
	in_root 60 "$@" 2>/dev/null | sed -n '1s/^[^0-9]*\([0-9]*\.[0-9]*\).*/\1/p'
}

# figure NAME: the number of that name in the report's `run`.
figure() {
	sed -n "s/^ *\"$1\": \([0-9]*\).*/\1/p" "$root/root/report.json" | head -n 1
}

# The part inside the namespaces: one host. Exits with 0, 1 or 3 as the script does.
host() {
	suite=$1 mirror=$2 dir=$3 program=$4
	root=$dir/root mirror_of_kernels=() components=main keys=()
	if [ "$suite" = noble ]; then
		# riscv64's QEMU is in universe, and Ubuntu has no index of the Debian archive.
		components=main,universe mirror_of_kernels=(OOMLAB_DEBIAN_MIRROR="$debian")
		keys=(--keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg)
		[ -e "${keys[0]#*=}" ] || not_run "no keys of Ubuntu's archive: apt install ubuntu-keyring"
	fi
	exec 3>"$dir/log"
	[ -n "$mirror" ] || not_run "no mirror: write $suite=URL"
	timeout --kill-after=5 60 /usr/lib/apt/apt-helper -o Acquire::Retries=0 download-file \
		"$mirror/dists/$suite/InRelease" "$dir/InRelease" >&3 2>&1 || not_run "cannot reach $mirror"

	timeout --kill-after=30 900 mmdebstrap --mode=root --variant=minbase --components="$components" "${keys[@]}" \
		--include=ca-certificates "$suite" "$root" "$mirror" >&3 2>&1 || failed mmdebstrap
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	mkdir -p "$root/var/cache/oomlab"
	# One for each host: the cache keeps one build of a kernel, and another compiler's replaces it.
	[ -z "${HOSTS_CACHE:-}" ] || mount --bind "$HOSTS_CACHE/$suite" "$root/var/cache/oomlab"
	install "$program" "$root/usr/local/bin/oomlab"
	cp matrices/smoke.yaml "$root/root/"

	in_root 60 oomlab --version >&3 2>&1 || failed "oomlab --version"
	in_root 1200 oomlab doctor --fix >&3 2>&1 || failed "oomlab doctor --fix"
	local status=0
	in_root 5400 oomlab run smoke.yaml --out run --json report.json >&3 2>&1 || status=$?
	[ ! -d "$root/root/run" ] || mv "$root/root/run" "$dir/run"
	[ -s "$root/root/report.json" ] || failed "oomlab run, exit status $status"

	local planned expected
	planned=$(figure planned)
	expected=$(($(figure finished) - $(figure unexpected)))
	printf '%-9s QEMU %-5s gcc %-5s %d of %d as expected %5d s\n' "$suite" "$(version qemu-system-riscv64 --version)" \
		"$(version gcc -dumpfullversion)" "$expected" "$planned" "$(figure duration_s)"
	[ "$status" = 0 ] && [ "$expected" = "$planned" ]
}

clean_up() {
	if [ -n "$child" ]; then
		kill -KILL "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
		"${as_root[@]}" rm -rf "$dir"
	fi
	rmdir "$work" 2>/dev/null || echo "kept in $work" >&2
}

# One host after the other. A function, since bash reads on in a file that changes meanwhile.
main() {
	[ $# -gt 0 ] || set -- bookworm trixie
	hosts=()
	for argument in "$@"; do
		case $argument in
		bookworm | trixie) hosts+=("$argument=$debian") ;;
		noble) hosts+=("noble=$ubuntu") ;;
		bookworm=?* | trixie=?* | noble=?*) hosts+=("$argument") ;;
		*) usage ;;
		esac
	done
	command -v mmdebstrap >/dev/null || { echo "$0: no mmdebstrap: apt install mmdebstrap" >&2; exit 3; }

	program=${OOMLAB:-$(dirname "$script")/../target/release/oomlab}
	[ -n "${OOMLAB:-}" ] || [ -x "$program" ] || (cd "$(dirname "$script")" && cargo build --locked --release --bin oomlab)
	program=$(realpath -e "$program")
	if [ -n "${HOSTS_CACHE:-}" ]; then
		mkdir -p "$HOSTS_CACHE"
		HOSTS_CACHE=$(realpath "$HOSTS_CACHE")
		export HOSTS_CACHE
	fi

	# Mounts and processes vanish with these namespaces, however the host's part ends.
	as_root=()
	[ "$(id -u)" = 0 ] || as_root=(unshare --map-root-user --map-auto)
	namespaces=(--mount --pid --fork --kill-child --mount-proc)
	work=$(mktemp -d "${TMPDIR:-/var/tmp}/oomlab-hosts-XXXXXX")
	chmod 755 "$work"
	child=

	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP

	worst=0
	for entry in "${hosts[@]}"; do
		suite=${entry%%=*}
		dir=$work/$suite
		mkdir -p "$dir" ${HOSTS_CACHE:+"$HOSTS_CACHE/$suite"}
		# In the background: a signal ends `wait`, but not a command in the foreground.
		"${as_root[@]:-env}" unshare "${namespaces[@]}" "$BASH" "$script" --inside "$suite" "${entry#*=}" "$dir" "$program" &
		child=$!
		status=0
		wait "$child" || status=$?
		child=
		"${as_root[@]}" rm -rf "$dir/root"
		case $status in
		0 | 3) rm -rf "$dir" ;;
		*) worst=1 ;;
		esac
		[ "$status" != 3 ] || [ "$worst" = 1 ] || worst=3
	done
	exit "$worst"
}

script=$(realpath "$0")
if [ "${1:-}" = --inside ]; then
	shift
	cd "$(dirname "$script")/.."
	host "$@"
	exit
fi
main "$@"; exit
