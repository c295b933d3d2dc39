# Usage: hold.sh NODE.init sh init.sh NODE
# The first process of a node, in fresh mount, UTS, IPC, network and PID namespaces: it makes the node's surroundings,
# then waits until it is killed, and adopts the daemons whose parents have ended.
set -eu
node=$1
cd "$LAB" # still reachable when something is mounted over it

mount -t proc proc /proc
hostname "$node"
ip link set lo up
while read -r source target; do
    mount --bind "$node/$source" "$target"
done <"$node/mounts"
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -m 755 /run/corosync /run/lock
mkdir -m 750 /run/crm
chown hacluster:haclient /run/crm
mkdir -m 1755 /run/resource-agents
mkdir -m 700 /run/root /run/tmp

: >"$node/booted"
cd /
sleep infinity &
wait
