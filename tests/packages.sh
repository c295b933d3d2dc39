#!/bin/sh
# Installs the missing Debian packages of packages.txt, or of the given lists, if this is Debian and the user is root.
# Their services are not started: policy-rc.d forbids it while apt runs.
set -eu
[ $# -gt 0 ] || set -- "$(dirname "$0")/packages.txt"
packages=$(sed 's/#.*//' "$@")
command -v dpkg-query >/dev/null || exit 0
missing=''
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "Not installed because you are not root; tests that need them are skipped:$missing" >&2
    exit 0
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $missing
