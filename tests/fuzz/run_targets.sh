#!/bin/sh
# Runs every fuzz target with libFuzzer: sh tests/fuzz/run_targets.sh [SECONDS [TARGET...]]
# 60 seconds each by default. Prints for each how many inputs it took and how many of the lines that
# it is about were run. Inputs that show a fault go to build-fuzz/faults; once the fault is mended,
# they belong in tests/fuzz/corpus/TARGET. New inputs gather in build-fuzz/corpus from run to run.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# = 0 ] || shift
case $seconds in
'' | *[!0-9]*)
    echo "fuzz: '$seconds' seconds; expected a whole number" >&2
    exit 2
    ;;
esac
sh tests/setup.sh build fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$(nproc)"
build=$PWD/build-fuzz
TMPDIR=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) # in memory: a target writes every input to a file
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' INT TERM

# The files that a target is about.
files_of() {
    case $1 in
    image) echo data/images/image.c data/images/image_bmp.c data/images/image_check.c data/images/resize.c data/images/resize_kernels.c ;;
    tar) echo data/shards/shard.c data/shards/index.c ;;
    index) echo data/shards/index.c ;;
    safetensors) echo models/weights/safetensors.c ;;
    recipe) echo pipeline/base/json.c pipeline/base/schema.c pipeline/recipe/recipe.c ;;
    tokenizer) echo data/texts/tokenizer.c data/texts/tokenizer_json.c data/shards/gzip.c ;;
    caption) echo data/texts/caption.c data/texts/tokenizer.c data/texts/tokenizer_clean.c data/texts/html.c data/texts/unicode.c ;;
    manifest) echo pipeline/run/checkpoint.c ;;
    *)
        echo "fuzz: target '$1' has no files here" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's/.*fuzz_\(.*\)\.c/\1/')
mkdir -p "$build/faults"
passed=0
failed=0
for target in "$@"; do
    files=
    for file in $(files_of "$target"); do [ ! -f "$file" ] || files="$files $file"; done
    seeds=tests/fuzz/corpus/$target
    [ "$target" != image ] || seeds="$seeds tests/fixtures/images"
    mkdir -p "$build/corpus/$target"
    said=$TMPDIR/said
    profile=$TMPDIR/$target.profile
    status=0
    LLVM_PROFILE_FILE=$profile.raw "$build/tests/fuzz_$target" "-max_total_time=$seconds" \
        -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        "-artifact_prefix=$build/faults/$target-" "$build/corpus/$target" $seeds >"$said" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$said")
    if [ "$status" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        grep -E 'ERROR|SUMMARY|failed|Test unit written' "$said" || tail -n 5 "$said"
    fi
    lines='no coverage was written'
    if llvm-profdata merge -sparse "$profile.raw" -o "$profile" 2>/dev/null; then
        lines=$(llvm-cov report "$build/tests/fuzz_$target" "-instr-profile=$profile" $files |
            awk '$1 == "TOTAL" { print $10 " of " $8 " lines" }')
    fi
    echo "fuzz_$target: ${runs:-?} inputs, $lines of$files"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
