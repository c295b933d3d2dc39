#!/bin/bash
# boot.sh TREE CGROUP: starts the systemd of a directory tree as PID 1 of new namespaces, without a network. The cgroup
# is a new one of version 2. Ends when systemd does; killing it ends everything in it.
set -euo pipefail
tree=$1 cgroup=$2
if [ -z "${BOOT_STAGE:-}" ]; then
    mkdir "$cgroup"
    echo $$ >"$cgroup/cgroup.procs"
    BOOT_STAGE=namespaces exec unshare --mount --uts --ipc --net --cgroup --pid --fork --kill-child bash "$0" "$@"
fi
mount --make-rprivate /
hostname node1
mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=unshare /sbin/init --log-target=console --show-status=no </dev/null
