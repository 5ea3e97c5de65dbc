#!/usr/bin/env bash
# Runs a long command and shows that it is alive: one live line on a terminal, a line every half minute otherwise. The command's
# whole output goes to a log; when it fails, the errors and the log's path are printed.
#
#   Scripts/build.sh NAME COMMAND [ARGUMENT ...]
set -uo pipefail
cd "$(dirname "$0")/.."
name=$1; shift
mkdir -p .build
log="$PWD/.build/$name.log"
started=$SECONDS
"$@" >"$log" 2>&1 </dev/null &
child=$!
trap 'kill "$child" 2>/dev/null; exit 130' INT TERM
told=$SECONDS
while kill -0 "$child" 2>/dev/null; do
    sleep 0.5
    if [ -t 2 ]; then
        last=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | tail -n 1 | tr -cd '[:print:]' | cut -c1-60)
        printf '\r\033[K%s: %4d s  %s' "$name" $((SECONDS - started)) "$last" >&2
    elif [ $((SECONDS - told)) -ge 30 ]; then
        told=$SECONDS
        printf '%s: %d s  %s\n' "$name" $((SECONDS - started)) "$(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c1-60)" >&2
    fi
done
wait "$child"
status=$?
if [ -t 2 ]; then printf '\r\033[K' >&2; fi
if [ "$status" = 0 ]; then
    printf '%s: done in %d s\n' "$name" $((SECONDS - started)) >&2
else
    grep -nE '(^|[[:space:]])(error|fatal):' "$log" | head -n 20 >&2
    printf '%s: failed after %d s; the whole log is %s\n' "$name" $((SECONDS - started)) "$log" >&2
fi
exit "$status"
