#!/bin/sh
# Installs the Debian packages that Legroom needs (engine/packages.txt). Usage: engine/packages.sh [build|test]...
# Does nothing, in well under a second, when they are all there.
set -eu
here=$(dirname "$0")
[ $# -gt 0 ] || set -- build

wanted=""
for section in "$@"; do
    names=$(awk -v section="$section" '/^# (build|test)$/ { current = $2; next } /^#/ || !NF { next } current == section { print $1 }' "$here/packages.txt")
    wanted="$wanted $names"
done

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "engine: this system has no apt. Install the equivalents of these Debian packages yourself:" >&2
    echo "engine:  " $wanted >&2
    echo "engine: and set PJPROJECT_SRC to a pjproject source tree, or PJPROJECT_PREFIX to an installation." >&2
    exit 0
fi

missing=""
for name in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "engine: these Debian packages are missing and there is no sudo to install them with:$missing" >&2
        echo "engine: as root, run: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "engine: installing Debian packages:$missing" >&2
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
