# checks: what the test scripts share; `. tests/checks.sh` in a script that got the binary as $1.
#   $folder              a temporary folder, removed at the end
#   good, bad, check     count; bad and check print what went wrong
#   flip                 changes a byte of a file
#   count_of             how many cases a test makes, in ordinary and in long runs
#   left_out             names what could not be tried; then the test counts as skipped
#   report               the last lines; a script ends with it
sapwood=$(realpath "$1")
passed=0
failed=0
missing=
folder=$(mktemp -d)
# Nothing of ours in the caches of whoever runs the tests; Mesa keeps using its own.
export MESA_SHADER_CACHE_DIR="${MESA_SHADER_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}}"
export XDG_CACHE_HOME="$folder/xdg-cache"
trap 'rm -rf "$folder"' EXIT

good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf '%s\n' "$*"
}

# left_out WHAT...: part of the test, for want of something that is not there
left_out() { missing="$missing${missing:+, }$*"; }

# check WHAT EXPECTED_CODE PATTERN COMMAND...: exit code (a pattern of the shell) and a pattern in all
# that was printed
check() {
    what=$1 code=$2 pattern=$3
    shift 3
    output=$("$@" 2>&1)
    found=$?
    case $found in $code) fits=yes ;; *) fits=no ;; esac
    if [ $fits = yes ] && printf '%s\n' "$output" | grep -q -- "$pattern"; then
        good
    else
        bad "$what: expected code $code and \"$pattern\", found code $found and:
$output"
    fi
}

# flip FILE OFFSET: changes one byte
flip() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\$(printf %o $((byte ^ 85)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# count_of VARIABLE USUAL FULL: how many cases: what the variable says, which repeats a failure; else
# FULL in a run of tests/run.sh --long, USUAL in all others
count_of() {
    eval "given=\${$1:-}"
    if [ -n "$given" ]; then
        echo "$given"
    elif [ "${SAPWOOD_TEST_LONG:-0}" = 1 ]; then
        echo "$3"
    else
        echo "$2"
    fi
}

report() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] || return 1
    [ -n "$missing" ] || return 0
    echo "skipped in part, not there: $missing"
    return 77
}
