#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# /init of the guest. Kernel command line: kl=WORKLOAD,WORKLOAD,… and
#   klvar=plain,stacks (variants), klrec=refzero (the recorder), klbuf=KB a CPU, klclock=NAME, klscale=N (of `large`)
# `/init --workload FUNCTION` runs one of the functions below, for recorders that start a program.
B=/bin/busybox
T=/sys/kernel/tracing
EVENTS="page_ref kmem/mm_page_alloc kmem/mm_page_free kmem/mm_page_free_batched migrate
 compaction/mm_compaction_isolate_migratepages compaction/mm_compaction_isolate_freepages
 compaction/mm_compaction_migratepages compaction/mm_compaction_begin compaction/mm_compaction_end fs_dax"

boot() {
  mkdir -p /bin /sbin /proc /sys /dev /tmp /out /scratch /mnt/dax /etc
  $B --install -s /bin
  export PATH=/bin:/sbin
  mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev 2>/dev/null
  mount -t tracefs none $T
  mount -t tmpfs -o size=60% none /tmp
  for module in $(cat /lib/modules/order 2>/dev/null); do insmod "/lib/modules/$module"; done
  for t in 1 2 3 4 5 6 7 8 9; do [ -b /dev/vdb ] || sleep 1; done
  [ -e /etc/mtab ] || ln -s /proc/mounts /etc/mtab
  mount -t ext4 /dev/vda /out || { echo "no disk for results"; poweroff -f; }
  mount -t ext4 /dev/vdb /scratch
  echo 0 > $T/tracing_on
  { uname -a; cat /proc/version /proc/cmdline; } > /out/machine.txt
  dmesg > /out/dmesg-boot.txt
}

# --- recorders: NAME COMMAND…

# text and trace.dat of the same ring buffer
rec_trace() {
  name=$1; shift
  echo 8192 > $T/saved_cmdlines_size; echo "$BUF" > $T/buffer_size_kb; echo "$CLOCK" > $T/trace_clock
  sync; echo 3 > /proc/sys/vm/drop_caches
  echo > $T/trace
  for e in $EVENTS; do [ ! -e "$T/events/$e/enable" ] || echo 1 > "$T/events/$e/enable"; done
  echo "$STACK" > $T/options/stacktrace
  echo 1 > $T/tracing_on
  "$@" > "/tmp/$name.truth" 2>&1; rc=$?
  echo 0 > $T/tracing_on; echo 0 > $T/events/enable; echo 0 > $T/options/stacktrace
  for c in $T/per_cpu/cpu*; do echo "cpu: ${c##*/}"; cat "$c/stats"; done > "/out/$name.stats"
  cat $T/trace > "/out/$name.trace.txt"
  (cd /tmp && trace-cmd extract -o "/out/$name.dat" > /dev/null 2>&1)
  mv "/tmp/$name.truth" /out/
  cat /proc/iomem > "/out/$name.iomem"
}

# one file that knows its machine
rec_refzero() {
  name=$1; shift
  [ "$STACK" = 1 ] && how= || how=--no-stacks
  case $1 in wl | trial) ;; *) set -- /init --workload "$@" ;; esac
  refzero record -f -o "/out/$name.dat" --clock "$CLOCK" $how $RECARGS -- "$@" > "/out/$name.truth" 2> "/out/$name.log"; rc=$?
  cat "/out/$name.log"
}

# what `perf script` prints
rec_perf() {
  name=$1; shift
  [ "$STACK" = 1 ] && how=-g || how=
  perf record -q -a $how -m 16M -o /tmp/perf.data $(for e in /sys/kernel/tracing/events/page_ref/*/; do e=${e%/}; echo "-e page_ref:${e##*/}"; done) \
    -e kmem:mm_page_alloc -e kmem:mm_page_free -- "$@" > "/out/$name.truth" 2> "/out/$name.log"; rc=$?
  perf script -i /tmp/perf.data > "/out/$name.trace.txt" 2>> "/out/$name.log"
}

# --- workloads that are more than one program

hmm_load() {
  ! lsmod | grep -q test_hmm || return 0
  insmod /lib/modules/test_hmm.ko "$@"
  M=$(awk '/HMM_DMIRROR/{print $1}' /proc/devices)
  for i in 0 1 2 3; do [ -e /dev/hmm_dmirror$i ] || mknod /dev/hmm_dmirror$i c "$M" $i; done
}
hmm_unload() { rmmod test_hmm; rm -f /dev/hmm_dmirror*; }
leak_load() { lsmod | grep -q refleak || insmod /lib/modules/refleak.ko; }
dax_mount() {
  ! grep -q /mnt/dax /proc/mounts || return 0
  mkfs.ext4 -q -F -b 4096 -O ^has_journal -E stride=512,stripe_width=512 /dev/pmem0
  mount -t ext4 -o dax=always /dev/pmem0 /mnt/dax 2>/dev/null || mount -t ext4 -o dax /dev/pmem0 /mnt/dax
}
# every leak has files of its own, which stay: from 6.15 on, truncating or removing a file on DAX waits for its pages
leak_folder() { dax_mount >&2; mkdir -p "/mnt/dax/$1"; echo "/mnt/dax/$1"; }
fsdax() { wl fsdax /mnt/dax /scratch/o && umount /mnt/dax; }
hmmmod() { hmm_load; wl private 1; hmm_unload; }
# migration to device memory and back under load, and tasks that are killed meanwhile
private_load() {
  trial load cow,file,move /scratch "$SCALE" & t=$!
  while kill -0 $t 2>/dev/null; do wl private 1; wl private 1 & w=$!; sleep 0.1; kill -9 $w; wait $w; done
  wait $t
}
devdax() {
  N=/sys/bus/nd/devices; ns=namespace1.0
  echo $ns > /sys/bus/nd/drivers/nd_pmem/unbind
  seed=$(cat $N/region1/dax_seed); d=$N/$seed
  echo 2097152 > "$d/align"; echo 6f3a52b1-7c1e-4c39-9d2f-6d0a8c3e5b11 > "$d/uuid"; echo ram > "$d/mode"; echo $ns > "$d/namespace"
  echo "$seed" > /sys/bus/nd/drivers/dax_pmem/bind
  cat "$d/resource" "$d/size"
  wl devdax "$(ls /dev/dax* | head -1)" /scratch/o
  echo "$seed" > /sys/bus/nd/drivers/dax_pmem/unbind
}
p2p() {
  a=$(ls /sys/bus/pci/devices/*/p2pmem/allocate 2>/dev/null | head -1)
  [ -n "$a" ] || { echo '{"error":"no p2pmem/allocate"}'; return 3; }
  wl p2p "$a" /dev/nvme0n1
}

# what was leaked before the recording began
trial_early() {
  rm -f /tmp/fifo; mkfifo /tmp/fifo
  trial early /tmp/fifo > /tmp/early.truth & early=$!
  until grep -q PIN /tmp/early.truth; do sleep 1; done; sleep 1
  $rec trial-early$sfx trial go /tmp/fifo
  cat /tmp/early.truth >> /out/trial-early$sfx.truth; wait $early
}

# what `refzero record` leaves behind, for each way to end; the log is the evidence
left() {
  cd $T; echo "left: instances=[$(ls instances)] probes=[$(cat kprobe_events)] events=[$(cat set_event)] on=$(cat tracing_on) clock=$(cat trace_clock | grep -o '\[.*\]') buffer=$(cat buffer_size_kb) options=$(cat trace_options | md5sum | cut -c1-8)"; cd /
}
# waits until a recorder records
began() {
  for t in $(seq 90); do cat $T/instances/refzero-[0-9]*/tracing_on 2>/dev/null | grep -q 1 && break; sleep 1; done
  sleep 2
}
try() { echo; echo "\$ refzero record $*"; refzero record "$@"; echo "exit $?"; left; }
record_check() {
  leak_load
  echo 1 > $T/tracing_on; echo 1 > $T/events/kmem/mm_page_alloc/enable
  left
  try -o /tmp/a.dat -- wl fsdax-leak "$(leak_folder 1)" /scratch/o
  try -o /tmp/a.dat -- true
  try -f -o /tmp/a.dat --pid command -- wl anon 1
  try -f -o /tmp/a.dat -- sh -c 'kill -SEGV $$'
  try -f -o /tmp/a.dat -- /nowhere
  try -f -o /tmp/a.dat --buffer 128K -- wl anon 4
  try -f -o /tmp/a.dat --event no:such -- true
  for s in INT TERM; do
    echo; echo "\$ refzero record -f -o /tmp/$s.dat -- sleep 60 & kill -$s"
    refzero record -f -o /tmp/$s.dat -- sleep 60 & p=$!
    began; kill -$s $p; wait $p; echo "exit $?"; left; ls -l /tmp/$s.dat
  done
  echo; echo '$ kill -KILL the recorder, then record again'
  refzero record -f -o /tmp/k.dat -- sleep 60 & p=$!
  began; kill -KILL $p; wait $p; left
  try -f -o /tmp/a.dat -- true
  echo; echo '$ a full disk'
  mkdir -p /small; mount -t tmpfs -o size=60m none /small
  try -f -o /small/a.dat --buffer 256K -- wl anon 8
  umount /small
  try -f -o /out/substitute.dat --substitute -- wl fsdax-leak "$(leak_folder 2)" /scratch/o
  try -f -o /out/device.dat --zone device -e dax -- wl fsdax-leak "$(leak_folder 3)" /scratch/o
  try -f -o /out/device.txt --text --zone device -- wl fsdax-leak "$(leak_folder 4)" /scratch/o
  refzero trace /out/device.dat
}

# the same on a kernel as distributions ship it, without page_ref events
stock_check() {
  sub="-f --substitute"
  cat /proc/version; leak_load
  left
  try -o /tmp/none.dat -- true; ls /tmp/none.dat
  try $sub -o /out/stock.dat -- wl fsdax-leak "$(leak_folder 1)" /scratch/o
  refzero trace /out/stock.dat
  try $sub -o /out/stock.txt --text --zone device -- wl fsdax-leak "$(leak_folder 2)" /scratch/o
  refzero trace /out/stock.txt
}

# and how it ends there, who may not, and what it says then
stock_ends() {
  sub="-f --substitute"
  leak_load; dax_mount
  left
  try $sub -o /tmp/a.dat --no-stacks -- sh -c 'exit 7'
  try $sub -o /tmp/a.dat -- /nowhere
  try $sub -o /tmp/a.dat -- /etc
  try $sub -o /tmp/a.dat -- sh -c 'kill -SEGV $$'
  try $sub -o /out/stock-lost.dat --buffer 128K -- sh -c 'wl anon 20 > /dev/null'
  echo; echo '$ as nobody'
  echo 'root:x:0:0::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh' > /etc/passwd
  chmod 1777 /tmp
  su nobody -c 'cd /tmp; refzero record -o n.dat -- true; echo "exit $?"; refzero record --substitute -o n.dat -- true; echo "exit $?"'
  echo; echo '$ tracefs not mounted'
  umount $T; refzero record $sub -o /tmp/a.dat -- true; echo "exit $?"; grep tracefs /proc/mounts
  mount -t tracefs none $T; left
}

# signals, and what a locked down kernel says; nothing can be recorded after that
stock_signals() {
  sub="-f --substitute"
  dax_mount; mkdir -p /dev/pts; mount -t devpts none /dev/pts; chmod 666 /dev/ptmx
  echo; echo '$ Ctrl-C at a terminal'
  (began; printf '\003'; sleep 15) | script -q -c 'refzero record -f --substitute -o /tmp/c.dat -- sleep 90; echo "exit $?"' /tmp/typed
  left; ls -l /tmp/c.dat
  for s in INT TERM; do
    echo; echo "\$ refzero record $sub -- sleep 90 & kill -$s"
    refzero record $sub -o /tmp/$s.dat -- sleep 90 & p=$!
    began; kill -$s $p; wait $p; echo "exit $?"; left; ls -l /tmp/$s.dat
  done
  echo; echo '$ kill -KILL the recorder, then record again'
  refzero record $sub -o /tmp/k.dat -- sleep 30 & p=$!
  began; kill -KILL $p; wait $p; left
  try $sub -o /tmp/a.dat -- true
  echo; echo '$ locked down: integrity, then confidentiality'
  mount -t securityfs none /sys/kernel/security
  for level in integrity confidentiality; do
    echo $level > /sys/kernel/security/lockdown; cat /sys/kernel/security/lockdown
    try $sub -o /tmp/a.dat -- true
    refzero record -f -o /tmp/a.dat -- true; echo "exit $?"
  done
  umount $T; refzero record $sub -o /tmp/a.dat -- true; echo "exit $?"
}

one() {
  case $1 in
    anon) $rec anon$sfx wl anon 4 ;;
    thp-anon) $rec thp-anon$sfx wl thp 4 ;;
    pagecache) $rec pagecache$sfx wl pagecache /scratch 3 ;;
    gup) $rec gup$sfx wl gup /dev/nvme0n1 4 ;;
    compaction) $rec compaction$sfx wl compact 24 ;;
    migrate) $rec migrate$sfx wl migrate 128 ;;
    fsdax) dax_mount; $rec fsdax$sfx fsdax ;;
    devdax) $rec devdax$sfx devdax ;;
    device-private) hmm_load; $rec device-private$sfx wl private 3; hmm_unload ;;
    device-coherent) hmm_load spm_addr_dev0=0x80000000 spm_addr_dev1=0x90000000; $rec device-coherent$sfx wl coherent 3 /dev/nvme0n1; hmm_unload ;;
    device-private-thp) hmm_load; $rec device-private-thp$sfx wl hmmthp 2; hmm_unload ;;
    hmm-modload) $rec hmm-modload$sfx hmmmod ;;
    p2pdma) $rec p2pdma$sfx p2p ;;
    leaks) leak_load; $rec leaks$sfx wl leaks 3 ;;
    leaks-fsdax) leak_load; $rec leaks-fsdax$sfx wl fsdax-leak "$(leak_folder "$V")" /scratch/o ;;
    leaks-private) leak_load; hmm_load; $rec leaks-private$sfx wl private-leak 1 ;;
    large) $rec large$sfx wl large /scratch "$SCALE" ;;
    trial-leaks) leak_load; $rec trial-leaks$sfx trial leaks /scratch ;;
    trial-many) leak_load; $rec trial-many$sfx trial many 600 40 ;;
    trial-held) $rec trial-held$sfx trial held ;;
    trial-early) leak_load; trial_early ;;
    trial-fsdax) leak_load; $rec trial-fsdax$sfx trial fsdax "$(leak_folder "$V")" ;;
    trial-mixed) leak_load; $rec trial-mixed$sfx trial load cow,file,splice /scratch 3 6 ;;
    # trial-load-NAME+NAME…, or all: see LOADS in trial.c
    trial-private) hmm_load; $rec trial-private$sfx private_load; hmm_unload ;;
    trial-load-*) dax_mount; $rec "$1$sfx" trial load "${1#trial-load-}" /scratch "$SCALE" ;;
    record-check) [ "$V" = stacks ] || record_check > /out/record-check.log 2>&1; rc=$? ;;
    stock-check) [ "$V" = stacks ] || stock_check > /out/stock-check.log 2>&1; rc=$? ;;
    stock-signals) [ "$V" = stacks ] || stock_signals > /out/stock-signals.log 2>&1; rc=$? ;;
    stock-ends) [ "$V" = stacks ] || stock_ends > /out/stock-ends.log 2>&1; rc=$? ;;
    *) echo "no workload $1"; rc=2 ;;
  esac
}

if [ "$1" = --workload ]; then shift; "$@"; exit; fi
boot
VARS="plain stacks" BUF=120000 CLOCK=local SCALE=20 rec=rec_trace
for w in $(cat /proc/cmdline); do case $w in
  kl=*) LIST=$(echo "${w#kl=}" | tr , ' ') ;;
  klvar=*) VARS=$(echo "${w#klvar=}" | tr , ' ') ;;
  klbuf=*) BUF=${w#klbuf=} ;;
  klclock=*) CLOCK=${w#klclock=} ;;
  klscale=*) SCALE=${w#klscale=} ;;
  klrec=refzero) rec=rec_refzero ;;
  klrec=perf) rec=rec_perf ;;
  klargs=*) RECARGS=$(echo "${w#klargs=}" | tr , ' ') ;;
esac; done
export SCALE
for W in $LIST; do for V in $VARS; do
  case $V in stacks) STACK=1 sfx=-stacks ;; *) STACK=0 sfx= ;; esac
  one "$W"
  echo "rec $W $V rc=$rc"
done; done
sync; umount /scratch; umount /out || mount -o remount,ro /out
echo "guest done"
poweroff -f
