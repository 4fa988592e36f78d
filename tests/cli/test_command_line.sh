# The command line as a user meets it: help, version, mistakes and exit codes.
sapwood=$1
passed=0
failed=0

# check WHAT EXPECTED_CODE PATTERN COMMAND...: exit code and a pattern in all that was printed
check() {
    what=$1 code=$2 pattern=$3
    shift 3
    output=$("$@" 2>&1)
    found=$?
    if [ "$found" = "$code" ] && printf '%s\n' "$output" | grep -q -- "$pattern"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s: expected code %s and "%s", found code %s and:\n%s\n' \
            "$what" "$code" "$pattern" "$found" "$output"
    fi
}

check "no command" 2 '^sapwood: no command$' "$sapwood"
check "help" 0 '^usage: sapwood COMMAND' "$sapwood" --help
check "exit codes in the help" 0 '75  stopped and saved' "$sapwood" --help
check "version" 0 '^sapwood [0-9][0-9.]*$' "$sapwood" --version
check "unknown command" 2 "unknown command 'xyzzyxyzzy'" "$sapwood" xyzzyxyzzy
check "full output" 5 'cannot write' sh -c '"$0" --version >/dev/full' "$sapwood"

# Every command answers --help with its usage, and refuses an option that nobody has.
for command in $("$sapwood" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
    check "$command --help" 0 "^usage: sapwood $command" "$sapwood" "$command" --help
    check "$command --no-such-option" 2 "^sapwood: $command" "$sapwood" "$command" --no-such-option
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
