#!/bin/sh
# Plants a bug, builds the test that guards against it, and wants that test to fail: for each patch in
# tests/faults/planted, or for those named. sh tests/faults/plant.sh [NAME...]
# The first line of a patch names the test. All work is in a copy of the tree; tests that need the
# time of a build are no part of the ordinary run.
set -eu
cd "$(dirname "$0")/../.."
source=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM
[ $# -gt 0 ] || set -- $(ls tests/faults/planted | sed -n 's/\.patch$//p')
tests=$(for name in "$@"; do head -n 1 "tests/faults/planted/$name.patch"; done | sort -u)

git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
cd "$copy"
git init -q && git add -A # so that a bug can be taken out again
cmake --preset release >/dev/null
# Tests of a sound tree pass, else their failure says nothing.
cmake --build build-release -j "$(nproc)" --target $tests >build.log || { tail -n 20 build.log; exit 1; }
run() { ctest --preset release --no-tests=error -R "^$1\$" >test.log 2>&1; }
for test in $tests; do
    run "$test" || { echo "plant: $test fails without any planted bug"; tail -n 20 test.log; exit 1; }
done

passed=0
failed=0
for name in "$@"; do
    patch=$source/tests/faults/planted/$name.patch
    test=$(head -n 1 "$patch")
    if ! git apply "$patch"; then
        result='its patch does not fit the source any more'
    elif ! cmake --build build-release -j "$(nproc)" --target "$test" >build.log; then
        result="does not build: $(grep -m 1 error build.log)"
    elif run "$test"; then
        result="$test does not see it"
    else
        result=
    fi
    if [ -z "$result" ]; then
        passed=$((passed + 1))
        echo "$name: caught by $test"
    else
        failed=$((failed + 1))
        echo "$name: $result"
    fi
    git checkout -q .
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
