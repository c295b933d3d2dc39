# Usage: sh hold.sh NAME COMMAND...
# Record this process as $LAB/pids/NAME, then become COMMAND. Nothing that must be removed later is made before that.
set -eu

record() {
    name=$1
    read -r stat </proc/self/stat # of the shell itself, because "read" starts no process
    # shellcheck disable=SC2086 # the fields: 1 is the process id, 22 the start time
    set -- $stat
    echo "$1 ${22}" >"$LAB/pids/$name"
}

record "$1"
shift
exec "$@"
