#!/usr/bin/env bash
# Makes this machine ready: the Swift toolchain is checked, Debian packages of Scripts/packages.txt are installed where they lack.
#
#   Scripts/setup.sh build         what building and `make lab` need
#   Scripts/setup.sh build peer    the foreign programs of `make test` as well
#
# As root, or where `sudo -n` works, it installs; otherwise it prints the one line to run. Exit 2: something that the build needs is missing.
# Nothing missing: it says nothing, calls no apt and uses no network. It asks no question.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

need_swift="6.3"
if ! command -v swift >/dev/null 2>&1; then
    say "sallyport needs the Swift toolchain, $need_swift or newer, and found none. Get it from https://www.swift.org/install/linux/ and put its usr/bin on PATH."
    exit 2
fi
have_swift=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+(\.[0-9]+)+).*/\1/p' | head -n 1)
if [ -z "$have_swift" ] || [ "$(printf '%s\n%s\n' "$need_swift" "$have_swift" | sort -V | head -n 1)" != "$need_swift" ]; then
    say "sallyport needs Swift $need_swift or newer; $(command -v swift) is ${have_swift:-of an unknown version}. Get it from https://www.swift.org/install/linux/"
    exit 2
fi

free_kib=$(df -Pk . | awk 'NR == 2 {print $4}')
if [ "${free_kib:-0}" -lt $((4 * 1024 * 1024)) ] && [ ! -d .build ]; then
    say "Little disk: $((free_kib / 1024)) MiB free here, and a full build of both configurations takes up to 4 GB."
fi

command -v dpkg-query >/dev/null 2>&1 || { say "This is not a Debian system: install the counterparts of Scripts/packages.txt by hand."; exit 0; }

missing() { # missing KIND: the packages of that kind that are not installed
    sed -nE "s/^$1[[:space:]]+([^[:space:]#]+).*/\1/p" Scripts/packages.txt | while read -r package; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || printf '%s ' "$package"
    done
}

missing_build=""; missing_peer=""
for kind in "$@"; do
    case "$kind" in
        build) missing_build=$(missing build) ;;
        peer) missing_peer=$(missing peer) ;;
        *) say "usage: Scripts/setup.sh build [peer]"; exit 2 ;;
    esac
done
wanted="$missing_build$missing_peer"
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=(env)
elif sudo -n true 2>/dev/null; then as_root=(sudo -n env)
else
    say "These Debian packages are missing. Run this line, then the same command again:"
    say "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $wanted"
    if [ -n "$missing_build" ]; then exit 2; fi
    say "Without ${missing_peer% } the tests that need them are skipped and say so."
    exit 0
fi

# A package that brings a service must not leave it running: policy-rc.d says no to every start while we install, and what a
# package enabled is disabled again.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" sh -c "cat > $policy && chmod 755 $policy"
    made_policy=yes
fi
cleanup() { if [ "$made_policy" = yes ]; then "${as_root[@]}" rm -f "$policy"; fi; }
trap cleanup EXIT
enabled() { systemctl list-unit-files --state=enabled --no-legend --type=service 2>/dev/null | awk '{print $1}' | sort || true; }
before=$(enabled)
say "Installing Debian packages: $wanted"
log=$(mktemp)
if ! { "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 update \
    && "${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $wanted; } \
    >"$log" 2>&1 </dev/null; then
    say "apt-get failed; its output is in $log and ends:"
    tail -n 5 "$log" >&2
    if [ -n "$missing_build" ]; then exit 2; fi
    exit 0
fi
rm -f "$log"
for unit in $(comm -13 <(printf '%s\n' "$before") <(enabled)); do "${as_root[@]}" systemctl disable --now "$unit" >/dev/null 2>&1 || true; done
