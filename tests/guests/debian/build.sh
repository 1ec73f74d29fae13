#!/bin/sh
# Makes a Debian root with systemd and stress-ng for x86_64, its kernel and its initramfs; prints the folder: root.img (ext2), vmlinuz,
# initrd.img. Needs `apt install mmdebstrap genext2fs`. OOMLAB_DEBIAN_MIRROR names another mirror.
set -eu
for tool in mmdebstrap genext2fs; do
	command -v "$tool" >/dev/null || { echo "$0: no $tool: apt install mmdebstrap genext2fs" >&2; exit 3; }
done
packages=systemd-sysv,udev,login,kmod,procps,stress-ng,initramfs-tools,linux-image-cloud-amd64
key=$({ echo "$packages"; cat "$0"; } | sha256sum | cut -c1-16)
cache=${OOMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomlab}/debian-root
out=$cache/$key
if [ ! -f "$out/initrd.img" ]; then
	mkdir -p "$cache"
	part=$(mktemp -d "$cache/.part-XXXXXX")
	trap 'rm -rf "$part"' EXIT INT TERM
	# A disk without a password for root; drivers for the disk are in the initramfs.
	mmdebstrap --quiet --variant=minbase --format=ext2 --include="$packages" \
		--customize-hook='chroot "$1" passwd -d root >/dev/null' \
		--customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/usr/share/doc/*' \
		--customize-hook="cp \"\$1\"/boot/vmlinuz-* '$part/vmlinuz'" \
		--customize-hook="cp \"\$1\"/boot/initrd.img-* '$part/initrd.img'" \
		bookworm "$part/root.img" ${OOMLAB_DEBIAN_MIRROR:-}
	chmod 755 "$part"
	mv -T "$part" "$out"
	trap - EXIT INT TERM
fi
echo "$out"
