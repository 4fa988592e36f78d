#!/bin/sh
# Plants a bug, builds the test that guards against it, and wants that test to fail: for each patch in
# tests/faults/planted, or for those named. sh tests/faults/plant.sh [--quick] [NAME...]
#   --quick  only the patches that are marked so: build and test take seconds
# The first line of a patch names the test, then may say "quick". A patch changes one place and brings
# one line of context on each side, so that it fits while the rest of the file changes. All work is
# in a copy of the tree; each bug builds again only what it changed and its test.
set -eu
cd "$(dirname "$0")/../.."
source=$PWD
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' INT TERM
planted=tests/faults/planted
is_quick=
if [ "${1:-}" = --quick ]; then
    is_quick=yes
    shift
fi
test_of() { head -n 1 "$source/$planted/$1.patch" | cut -d ' ' -f 1; }
# What ctest calls test_add_llvmpipe is the program test_add; scripts test the program itself.
target_of() {
    program=$(echo "$1" | sed 's/_llvmpipe$//; s/_swiftshader$//')
    [ -f "$(echo tests/*/"$program".c)" ] && echo "$program" || echo sapwood
}

# Test by test: what is built for one is there for the next.
[ $# -gt 0 ] || set -- $(for patch in $planted/*.patch; do
    name=$(basename "$patch" .patch)
    if [ -z "$is_quick" ] || head -n 1 "$patch" | grep -q ' quick$'; then
        echo "$(test_of "$name") $name"
    fi
done | sort | cut -d ' ' -f 2)
tests=$(for name in "$@"; do test_of "$name"; done | sort -u)

git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
cd "$copy"
git init -q && git add -A # so that a bug can be taken out again
cmake --preset release >/dev/null
build() { cmake --build build-release -j "$(nproc)" --target "$@" >build.log 2>&1; }
run() { ctest --preset release --no-tests=error -R "^$1\$" >test.log 2>&1; }
build $(for test in $tests; do target_of "$test"; done | sort -u) || { tail -n 20 build.log; exit 1; }
# Tests of a sound tree pass, else their failure says nothing. Some lack a device here.
left_out=
for test in $tests; do
    run "$test" || { echo "plant: $test fails without any planted bug"; tail -n 20 test.log; exit 1; }
    ! grep -q '\*\*\*Skipped' test.log || left_out="$left_out $test "
done

passed=0
failed=0
skipped=0
for name in "$@"; do
    patch=$source/$planted/$name.patch
    test=$(test_of "$name")
    case $left_out in
    *" $test "*)
        skipped=$((skipped + 1))
        echo "$name: left out, $test is skipped here"
        continue
        ;;
    esac
    begin=$(date +%s)
    if ! git apply "$patch"; then
        result='its patch does not fit the source any more'
    elif ! build "$(target_of "$test")"; then
        result="does not build: $(grep -m 1 error build.log)"
    elif run "$test"; then
        result="$test does not see it"
    else
        result=
    fi
    if [ -z "$result" ]; then
        passed=$((passed + 1))
        echo "$name: caught by $test, $(($(date +%s) - begin)) s"
    else
        failed=$((failed + 1))
        echo "$name: $result"
    fi
    git checkout -q .
done
[ "$skipped" = 0 ] || echo "$skipped left out"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
