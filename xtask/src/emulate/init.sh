#!/bin/busybox sh
# The first process of an emulated machine: mounts what programs expect, runs the tests or the
# script, and says the result on the last line, which `cargo xtask emulate` waits for.

/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s /bin
export PATH=/bin

finish() {
    echo "emulate: exit $1"
    sync
    # The last line is still on its way through the serial port.
    sleep 0.2
    poweroff -f
}

must() {
    "$@" || { echo "emulate: the machine cannot be set up: $*"; finish 125; }
}

must mount -t sysfs sysfs /sys
must mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
must mount -t tmpfs tmpfs /dev/shm
must mount -t devpts devpts /dev/pts
must mount -t cgroup2 cgroup2 /sys/fs/cgroup
must sh -c 'echo "+memory +io +pids" > /sys/fs/cgroup/cgroup.subtree_control'
# The root file system is a tmpfs already; another on top would hide a checkout below /tmp.
mkdir -p -m 1777 /tmp /var/tmp
chmod 1777 /tmp /var/tmp /dev/shm
ip link set lo up
hostname emulated

# Built in where this finds nothing. The kernel is quiet meanwhile: modprobe offers it compressed
# modules as they are before it unpacks them, and the kernel complains.
dmesg -n 1
modprobe virtio_pci 2>/dev/null
modprobe virtio_blk 2>/dev/null
dmesg -n 4
must mount -t ext4 -o noatime,noinit_itable /dev/vda /disk
chmod 1777 /disk

. /etc/emulate
if [ "$MEMTIDE_SWAP" = 1 ]; then
    must mkswap /dev/vdb >/dev/null
    must swapon /dev/vdb
fi
export MEMTIDE_EMULATED=1 HOME=/tmp RUST_BACKTRACE=1
cd /tmp
echo "emulate: $(uname -sr), up $(cut -d' ' -f1 /proc/uptime) s, $(grep MemTotal /proc/meminfo)"

if [ -f /script ]; then
    sh /script </dev/null
    finish $?
fi
result=0
IFS='
'
for test in $TESTS; do
    echo "emulate: ${test##*/}"
    "$test" --ignored --test-threads=1 --nocapture $FILTER </dev/null
    status=$?
    # Other statuses than a failed test's: killed, or out of memory before the first test.
    [ $status = 0 ] || { result=1; echo "emulate: ${test##*/} ended with $status"; }
done
finish $result
