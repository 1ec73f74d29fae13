#!/bin/sh
# Builds the initramfs of the guests without the lab's agent, and prints its path. One image an architecture has the
# program init/ as /init, and the kernel modules of its kernel: those of modules/, lkdtm and test_lockup from the source
# package, and the few that the guests need from the kernel's own package.
#
#     tests/guests/foreign/build.sh ARCH        x86_64, aarch64 (kernel debian-6.1) or riscv64-nommu (linux-7.3; no modules)
#
# Needs no root, and what `oomlab doctor --fix` installs. Debian packages are fetched as the lab fetches kernels, into the
# lab's cache; once they are there, no network is needed. OOMLAB names the program (oomlab).
set -eu

arch=${1-}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cache=${OOMLAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/oomlab}
oomlab=${OOMLAB:-oomlab}
kernel=debian-6.1
suite=bookworm
packages=

die() {
	echo "build.sh: $*" >&2
	exit 1
}

case $arch in
x86_64) deb_arch=amd64 triplet=x86_64-linux-gnu flags="-m64 -mno-red-zone" mmu=1 ;;
aarch64) deb_arch=arm64 triplet=aarch64-linux-gnu flags="-march=armv8-a -mno-outline-atomics" mmu=1 ;;
riscv64-nommu) triplet=riscv64-linux-gnu flags="-march=rv64imac -mabi=lp64 -mcmodel=medany" mmu=0 kernel=linux-7.3 ;;
*) die "usage: build.sh x86_64|aarch64|riscv64-nommu" ;;
esac
cc=$triplet-gcc
export LC_ALL=C KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=oomlab KBUILD_BUILD_HOST=oomlab

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The stanza of a package in the lab's own index of the archive: `stanza NAME ARCH`.
stanza() {
	for index in "$cache/apt/$suite-$2"/lists/*_Packages*; do
		/usr/lib/apt/apt-helper cat-file "$index" |
			awk -v RS= -v name="$1" 'index($0, "Package: " name "\n") == 1 { found = $0 } END { print found }'
	done
}

# The file of a package, fetched unless the lab's cache has it: `package NAME ARCH`.
package() {
	stanza "$1" "$2" >"$work/stanza"
	file=$(sed -n 's/^Filename: //p' "$work/stanza")
	digest=$(sed -n 's/^SHA256: //p' "$work/stanza")
	[ -n "$file" ] || die "$suite for $2 has no package $1; \`$oomlab kernel get $kernel\` fetches the index"
	deb=$cache/packages/$digest/${file##*/}
	if [ ! -f "$deb" ]; then
		mkdir -p "${deb%/*}"
		mirror=$(awk '$1 == "deb" { print $(NF - 2) }' "$cache/apt/$suite-$2/sources.list")
		/usr/lib/apt/apt-helper -c "$cache/apt/$suite-$2/apt.conf" \
			download-file "$mirror/$file" "$deb.part" "SHA256:$digest" >&2
		mv "$deb.part" "$deb"
	fi
	echo "$deb"
}

# Everything that the image depends on, and its name in the cache.
if [ $mmu = 1 ]; then
	"$oomlab" kernel get $kernel --arch "$arch" >&2
	release=$("$oomlab" kernel list | awk -v k=$kernel -v a="$arch" '$1 == k && $2 == a { print $4 }')
	abi=${release%-cloud-*}
	[ -n "$abi" ] || die "$oomlab has no $kernel for $arch"
	host=$(dpkg --print-architecture)
	packages="linux-image-$release:$deb_arch linux-headers-$release:$deb_arch linux-headers-$abi-common:$deb_arch
		linux-kbuild-${abi%.*-*}:$host"
fi
source=linux-source-6.1
[ -d "$cache/apt/$suite-amd64" ] || "$oomlab" kernel get $kernel --arch x86_64 >&2

# `key FILE…`: a digest of these, the compiler and the packages, by which what is built is found again.
key() {
	{
		cat "$here/build.sh" "$@"
		$cc --version
		for each in $packages $source:amd64; do stanza "${each%:*}" "${each#*:}"; done
	} | sha256sum | cut -c 1-12
}

modules=$cache/foreign/modules.$arch.$(key "$here"/modules/*)
image=$cache/foreign/$arch.$(key "$here"/modules/* "$here"/init/* "$root"/images/guest/*.[ch] "$root"/images/guest/arch/*)
if [ -f "$image/initramfs.cpio.gz" ]; then
	echo "$image/initramfs.cpio.gz"
	exit
fi

build_init() {
	set -- $flags -std=gnu11 -O2 -Wall -Wextra -Werror -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns \
		-fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections -fdata-sections \
		-fvisibility=hidden -fno-pie -no-pie -nostdlib -static -Wl,--gc-sections -Wl,--build-id=none -Wl,--no-relax \
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -DGUEST_MMU=$mmu "-DGUEST_ARCH=\"$arch\"" \
		"$here"/init/*.c "$root/images/guest/process.c" "$root/images/guest/text.c" "$root/images/guest/memory.c"
	if [ $mmu = 1 ]; then
		$cc -s -o "$work/init" "$@"
		return
	fi
	$cc -fno-jump-tables -Wl,--emit-relocs -Wl,--no-warn-rwx-segments -Wl,-T,"$here/init/flat.ld" -o "$work/init.elf" "$@"
	if $triplet-readelf --relocs --wide "$work/init.elf" | grep -q 'R_RISCV_\(64\|32\) '; then
		die "an initialised static of init/ holds a pointer"
	fi
	$triplet-objcopy -O binary "$work/init.elf" "$work/init"
}

# `unpack FILE…`: these files of the source package.
unpack() {
	mkdir -p "$work/source"
	for each; do set -- "$@" "$source/$each" && shift; done
	dpkg-deb --fsys-tarfile "$(package $source amd64)" | tar -xO "./usr/src/$source.tar.xz" |
		tar -xJ -C "$work/source" --strip-components=1 "$@"
}

# External modules are built in a tree as the header packages make it, wherever that lies.
build_modules() {
	unpack lib/test_lockup.c drivers/misc/lkdtm usr/gen_init_cpio.c
	mkdir "$work/modules"
	for each in $packages; do dpkg-deb -x "$(package "${each%:*}" "${each#*:}")" "$work/tree"; done
	headers=$work/tree/usr/src/linux-headers-$release
	sed -i "s|/usr/src/|$work/tree/usr/src/|" "$headers/Makefile"
	cp -r "$here/modules" "$work/own"
	mkdir "$work/lockup"
	cp "$work/source/lib/test_lockup.c" "$work/lockup"
	echo 'obj-m := test_lockup.o' >"$work/lockup/Kbuild"
	# Its fault UNSET_SMEP needs native_write_cr4(), which is not exported.
	sed -i 's/IS_ENABLED(CONFIG_X86_64) && !IS_ENABLED(CONFIG_UML)/0/' "$work/source/drivers/misc/lkdtm/bugs.c"
	for folder in "$work/own" "$work/lockup" "$work/source/drivers/misc/lkdtm"; do
		make -s -C "$headers" M="$folder" CC="$cc" CROSS_COMPILE="$triplet-" CONFIG_LKDTM=m \
			KCFLAGS="-ffile-prefix-map=$work/=" modules >"$work/log" 2>&1 || {
			cat "$work/log" >&2
			die "the modules of ${folder##*/} cannot be built"
		}
		cp "$folder"/*.ko "$work/modules"
	done
	for module in zsmalloc lzo-rle zram virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
		cp "$(find "$work/tree/lib/modules" -name $module.ko)" "$work/modules"
	done
	$triplet-strip --strip-debug "$work"/modules/*.ko
	mv "$work/modules" "$modules.$$"
	# Another build may have been faster.
	mv -T "$modules.$$" "$modules" || rm -rf "$modules.$$"
}

# The kernel's own program makes the archive; it makes device nodes without root.
pack() {
	packer=$cache/foreign/gen_init_cpio
	if [ ! -x "$packer" ]; then
		[ -d "$work/source" ] || unpack usr/gen_init_cpio.c
		gcc -O1 -o "$packer.$$" "$work/source/usr/gen_init_cpio.c"
		mv "$packer.$$" "$packer"
	fi
	{
		echo 'dir /dev 0755 0 0'
		echo 'nod /dev/console 0600 0 0 c 5 1'
		echo "file /init $work/init 0755 0 0"
		echo 'dir /modules 0755 0 0'
		for module in "$modules"/*.ko; do
			[ ! -f "$module" ] || echo "file /modules/${module##*/} $module 0644 0 0"
		done
	} >"$work/list"
	mkdir -p "$image"
	"$packer" -t 0 "$work/list" >"$work/initramfs.cpio"
	gzip -9 -n <"$work/initramfs.cpio" >"$work/initramfs.cpio.gz"
	mv "$work/initramfs.cpio.gz" "$image"
}

mkdir -p "$cache/foreign"
build_init
[ $mmu = 0 ] || [ -d "$modules" ] || build_modules
pack
echo "$image/initramfs.cpio.gz"
