# The command line as a user meets it: help, version, mistakes and exit codes.
. tests/checks.sh

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

report
