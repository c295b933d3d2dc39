# Usage: hold.sh NODE.init sh init.sh NODE
# The first process of a node, in fresh mount, UTS, IPC, network and PID namespaces: it makes the node's surroundings,
# then waits until it is killed, and adopts the daemons whose parents have ended.
# A node with the tree of another release has two roots that share these surroundings: the machine's, and NODE/root.
set -eu
node=$1
cd "$LAB" # still reachable when something is mounted over it

mount -t proc proc /proc
hostname "$node"
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
root=''
if [ -e "$node/tree" ]; then
    read -r tree <"$node/tree"
    root="$PWD/$node/root"
    mount --bind "$tree" "$root"
    for shared in /dev /proc /sys /run; do
        mount --rbind "$shared" "$root$shared"
    done
    while read -r source target; do
        mkdir -p "$root$target"
        mount --bind "$source" "$root$target"
    done <"$node/shared"
    for users in /etc/passwd /etc/group; do # the same for what runs in the machine's root
        mount --bind "$root$users" "$users"
    done
    mount -o remount,bind,ro "$root"
fi
while read -r source target; do
    if [ -d "$target" ]; then
        mount --bind "$node/$source" "$target"
    fi
    if [ "$root" ]; then
        mount --bind "$node/$source" "$root$target"
    fi
done <"$node/mounts"
mkdir -m 755 /run/corosync /run/lock
mkdir -m 750 /run/crm
chown hacluster:haclient /run/crm
mkdir -m 1755 /run/resource-agents
mkdir -m 700 /run/root /run/tmp

: >"$node/booted"
cd /
sleep infinity &
wait
