#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh SOURCE BUILD RESULT WORKLOADS [kernel arguments]
#
# Makes the guest's userland, boots the kernel of BUILD under QEMU (no KVM needed), and leaves in RESULT what the guest saved.
# BUILD is what build-kernel.sh made; or a folder with an unpacked linux-image package, for a kernel as distributions ship it:
# SOURCE is then /usr/src/linux-headers-VERSION, or - to go without the module that leaks.
# Environment: MEM (MiB, 4096), LIMIT (seconds, 300), OUT_MB (size of the disk for results, 1500), TMPDIR;
# REFZERO=1 puts node and this project's dist into the guest and records with `refzero record` in place of trace-cmd.
set -euo pipefail
if [ $# -lt 4 ]; then sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
src=-; [ "$1" = - ] || src=$(cd "$1" && pwd); bld=$(cd "$2" && pwd)
mkdir -p "$3"; res=$(cd "$3" && pwd); list=$4; shift 4
mem=${MEM:-4096}; half=$((mem / 2))
work=$(mktemp -d "${TMPDIR:-/tmp}/kernlab.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,sbin,etc,lib/modules}

# a program and the libraries that it loads
add() {
  local from
  from=$(PATH=$PATH:/sbin:/usr/sbin command -v "$1")
  cp -L "$from" "$root/bin/"
  { ldd "$from" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r lib; do
    mkdir -p "$root$(dirname "$lib")"
    cp -L "$lib" "$root$lib"
  done
}
cp /bin/busybox "$root/bin/busybox"
add mke2fs; ln -s mke2fs "$root/bin/mkfs.ext4"; add trace-cmd
cat > "$root/etc/mke2fs.conf" <<CONF
[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
[fs_types]
	small = {
	}
	ext4 = {
		features = extent,huge_file,flex_bg,uninit_bg,dir_nlink,extra_isize,64bit
	}
CONF
if [ "${REFZERO:-}" = 1 ]; then
  add node; add script
  mkdir -p "$root/refzero/node_modules"
  cp -r "$here/../dist" "$here/../package.json" "$root/refzero/"
  for package in commander zstddec xz-decompress; do cp -r "$here/../node_modules/$package" "$root/refzero/node_modules/"; done
  printf '#!/bin/sh\nexec /bin/node /refzero/dist/cli/main.js "$@"\n' > "$root/bin/refzero"
  chmod +x "$root/bin/refzero"
fi

gcc -O1 -Wall -static -pthread -I "$src/lib" -I "$here" -o "$root/bin/wl" "$here/wl.c" -luring
gcc -O1 -Wall -static -pthread -I "$here" -o "$root/bin/trial" "$here/trial.c" -luring
[ "${RECORDER:-}" != perf ] || add perf
# packages of newer releases have it in /usr/lib/modules
[ -d "$bld/lib" ] || ln -s usr/lib "$bld/lib"
stock=$(ls "$bld"/boot/vmlinuz-* "$bld"/usr/lib/modules/*/vmlinuz 2> /dev/null || true)
if [ "$src" != - ] && [ "$here/refleak/refleak.c" -nt "$bld/refleak/refleak.ko" ]; then
  mkdir -p "$bld/refleak"
  cp "$here"/refleak/* "$bld/refleak/"
  made=(); [ -n "$stock" ] || made=(O="$bld")
  make -C "$src" "${made[@]}" M="$bld/refleak" modules > "$bld/refleak/build.log" 2>&1 || { cat "$bld/refleak/build.log"; exit 1; }
fi
[ "$src" = - ] || cp "$bld/refleak/refleak.ko" "$root/lib/modules/"
if [ -n "$stock" ]; then
  # what is built in elsewhere, in the order in which it can be loaded
  version=$(basename "$(ls -d "$bld"/lib/modules/*)")
  /sbin/depmod -b "$bld" "$version"
  mkdir "$root/boot"; cp "$bld/boot/config-$version" "$root/boot/" 2> /dev/null || cp "$bld/lib/modules/$version/config" "$root/boot/config-$version"
  for module in virtio_pci virtio_blk ext4 nvme nd_e820 nd_pmem; do
    /sbin/modprobe -d "$bld" -S "$version" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
    name=$(basename "$module"); name=${name%%.ko*}.ko
    case $module in *.xz) xz -dc "$module" ;; *) cat "$module" ;; esac > "$root/lib/modules/$name"
    echo "$name" >> "$root/lib/modules/order"
  done
else
  cp "$bld/lib/test_hmm.ko" "$root/lib/modules/"
  stock=$bld/arch/x86/boot/bzImage
fi
install -m 755 "$here/init.sh" "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$work/initrd.gz"

truncate -s "${OUT_MB:-1500}M" "$work/out.img"; /sbin/mkfs.ext4 -q -F "$work/out.img"
truncate -s 256M "$work/scratch.img"; /sbin/mkfs.ext4 -q -F "$work/scratch.img"
truncate -s 64M "$work/nvme.img"
timeout "${LIMIT:-300}" qemu-system-x86_64 -machine pc -accel tcg,thread=multi -cpu max -smp 2 -m "$mem" \
  -object memory-backend-ram,id=m0,size=${half}M -object memory-backend-ram,id=m1,size=${half}M \
  -numa node,nodeid=0,memdev=m0,cpus=0 -numa node,nodeid=1,memdev=m1,cpus=1 \
  -kernel "$stock" -initrd "$work/initrd.gz" \
  -append "console=ttyS0 panic=-1 oops=panic memmap=256M!1G memmap=64M!1536M memmap=512M\$2G nvme.use_cmb_sqs=0 kl=$list klrec=${RECORDER:-${REFZERO:+refzero}} $*" \
  -drive "file=$work/out.img,if=none,id=d0,format=raw,cache=unsafe" -device virtio-blk-pci,drive=d0 \
  -drive "file=$work/scratch.img,if=none,id=d1,format=raw,cache=unsafe" -device virtio-blk-pci,drive=d1 \
  -drive "file=$work/nvme.img,if=none,id=d2,format=raw,cache=unsafe" -device nvme,serial=kernlab,drive=d2,cmb_size_mb=16 \
  -net none -display none -monitor none -serial "file:$res/console.log" -no-reboot || echo "qemu: exit $?"
/sbin/debugfs -R "rdump / $res" "$work/out.img" > /dev/null 2>&1
rm -rf "$res/lost+found"
grep -aE '^rec |BUG|WARNING|guest done|Kernel panic' "$res/console.log"
