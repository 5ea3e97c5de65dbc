#!/bin/sh
# Fuzzing/run.sh SECONDS [sip|sdp|msrp|h248 ...]: each target for so long, from its seeds; a crash ends it with exit code 1.
# What libFuzzer finds stays in .build-fuzz/found (not in the repository); a crash becomes a unit test.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- sip sdp msrp h248
build=../.build-fuzz
mkdir -p "$build/found"
echo "building the fuzz targets (log: .build-fuzz/build.log)"
if ! swift build --scratch-path "$build" -c release -Xswiftc -sanitize=fuzzer,address -Xswiftc -parse-as-library \
    >"$build/build.log" 2>&1; then
    tail -20 "$build/build.log" >&2
    echo "the build failed; the whole log is .build-fuzz/build.log" >&2
    exit 1
fi
passed=0
failed=0
for codec in "$@"; do
    target=Fuzz$(echo "$codec" | tr '[:lower:]' '[:upper:]')
    found=$build/found/$codec
    mkdir -p "$found"
    if "$build/release/$target" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$found/" -print_final_stats=1 "$found" "Corpus/$codec" >"$build/$codec.log" 2>&1; then
        passed=$((passed + 1))
        echo "$codec: $(grep -a 'number_of_executed_units' "$build/$codec.log" | tr -s ' ' | cut -d' ' -f2) runs in $seconds s, no crash"
    else
        failed=$((failed + 1))
        tail -15 "$build/$codec.log" >&2
        echo "$codec: FAILED; the log is .build-fuzz/$codec.log, the input is in .build-fuzz/found/$codec"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
