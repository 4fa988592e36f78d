#!/bin/sh
# Builds and runs every test: sh tests/run.sh [--sanitize] [--peers], or
#   sh tests/run.sh --fuzz [SECONDS]      the fuzz targets instead (tests/fuzz/run_targets.sh)
#   sh tests/run.sh --planted [NAME...]   that planted bugs are caught (tests/faults/plant.sh); with
#       --quick those whose patch says "quick" behind the name of its test: they change no header,
#       and the test takes a second or two; about ten minutes on two cores, an hour for all
#   sh tests/run.sh --long [NAME]         the fault and endurance tests alone, with all their cases: each
#       stop of 64 and 50 chains, 2000 orders, 1000 kills and 48 on llvmpipe, every failing call and
#       allocation, 300 signals, each cut of the power, a million samples; two or three hours on two
#       cores, and a line for each
#   OPENBLAS_CORETYPE=Prescott sh tests/run.sh   under these kernels of OpenBLAS, as on another CPU
#   --sanitize  with address and undefined-behaviour sanitizers
#   --peers     also the comparisons with PyTorch (tests/peers)
# Closes with "N passed, N failed" and how many were skipped; ends with 1 if any failed.
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" = --fuzz ]; then
    shift
    exec sh tests/fuzz/run_targets.sh "$@"
elif [ "${1:-}" = --planted ]; then
    shift
    exec sh tests/faults/plant.sh "$@"
fi
preset=release
is_long= name=.
if [ "${1:-}" = --long ]; then
    is_long=yes name=${2:-.}
    set --
fi
peers=
without='^test_peer_'
for option in "$@"; do
    case $option in
    --sanitize) preset=debug ;;
    --peers) peers=peers without='^$' ;;
    *)
        echo "run.sh: option '$option'; expected --sanitize, --peers or, alone, --fuzz, --planted or --long" >&2
        exit 2
        ;;
    esac
done

sh tests/setup.sh build test $peers
jobs=$(nproc)
cmake --preset $preset ${SAPWOOD_WERROR:+"-DSAPWOOD_WERROR=$SAPWOOD_WERROR"} >/dev/null # .ci/run sets it
cmake --build "build-$preset" -j "$jobs"

results=$PWD/build-$preset/results.xml
rm -f "$results"
status=0
if [ "$is_long" ]; then # with what each says: how much was tried
    ctest --preset $preset -j "$jobs" --no-tests=error --build-config Long --label-regex '^long$' -R "$name" \
        --verbose --output-junit "$results" || status=$?
else
    ctest --preset $preset -j "$jobs" --no-tests=error --exclude-regex "$without" \
        --output-junit "$results" || status=$?
fi
[ -s "$results" ] || { echo "run.sh: ctest wrote no results" >&2; exit 1; }

count() { sed -n "s/^.*[[:space:]]$1=\"\([0-9]*\)\".*$/\1/p" "$results" | head -n 1; }
total=$(count tests)
failed=$(count failures)
skipped=$(count skipped)
disabled=$(count disabled)
skipped=$((skipped + disabled))
[ "$skipped" = 0 ] || echo "$skipped skipped (the list of ctest above names them)"
echo "$((total - failed - skipped)) passed, $failed failed"
[ "$status" = 0 ] && [ "$failed" = 0 ]
