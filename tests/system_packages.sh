#!/bin/sh
# Installs the programs that the tests and benchmarks use beside Python, where this is root and Debian's client is there;
# says in one line what is missing where it is not. Tests that need a missing program are skipped, and say so.
set -eu

missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v strace >/dev/null || missing="$missing strace"
command -v wrk >/dev/null || missing="$missing wrk"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1
    then
        rm -f "$log"
        exit 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
fi
echo "Not installed:$missing. Tests that need them are skipped; install them with your system's package manager." >&2
