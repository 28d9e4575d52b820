#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# build-kernel.sh SOURCE BUILD
#
# tinyconfig and kernel.fragment on top: bzImage and test_hmm.ko, in some 5 to 10 minutes on two CPUs. JOBS: make -j.
set -euo pipefail
if [ $# -ne 2 ]; then sed -n '3,5s/^# \{0,1\}//p' "$0"; exit 2; fi
here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$1" && pwd)
mkdir -p "$2"; out=$(cd "$2" && pwd)
make -C "$src" O="$out" tinyconfig > /dev/null
(cd "$out" && "$src/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/.config" "$here/kernel.fragment" > merge.log 2>&1)
make -C "$src" O="$out" olddefconfig > /dev/null
# what this kernel has under another name or not at all
grep -E '^CONFIG_\w+=[ym]' "$here/kernel.fragment" | while read -r line; do
  grep -qxF "$line" "$out/.config" || echo "not taken: $line"
done
export KBUILD_BUILD_USER=kernlab KBUILD_BUILD_HOST=kernlab
nice make -C "$src" O="$out" -j"${JOBS:-2}" bzImage modules > "$out/build.log" 2>&1 || { tail -20 "$out/build.log"; exit 1; }
ls -l "$out/arch/x86/boot/bzImage"
