# The command line as a user meets it: help, version, mistakes and exit codes.
. tests/checks.sh

check "no command" 2 '^sapwood: no command$' "$sapwood"
check "help" 0 '^usage: sapwood COMMAND' "$sapwood" --help
check "exit codes in the help" 0 '75  stopped and saved' "$sapwood" --help
check "version" 0 '^sapwood [0-9][0-9.]*$' "$sapwood" --version
check "unknown command" 2 "unknown command 'xyzzyxyzzy'" "$sapwood" xyzzyxyzzy
check "full output" 5 'cannot write' sh -c '"$0" --version >/dev/full' "$sapwood"

# A reader that has read enough is no error: `... | head`. The command ends quietly, by SIGPIPE.
for words in --version "recipe schema"; do
    {
        trap '' PIPE
        while echo 2>"$folder/said"; do sleep 0.01; done # until nobody reads
        "$sapwood" $words 2>"$folder/said"
        echo $? >"$folder/code"
    } | true
    check "closed pipe: $words" 0 '^141$' cat "$folder/code"
    check "closed pipe: $words, nothing said" 0 '' test ! -s "$folder/said"
done

# Every command answers --help with its usage, and refuses an option that nobody has.
for command in $("$sapwood" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p'); do
    check "$command --help" 0 "^usage: sapwood $command" "$sapwood" "$command" --help
    check "$command --no-such-option" 2 "^sapwood: $command" "$sapwood" "$command" --no-such-option
done

check "help COMMAND" 0 '^usage: sapwood train' "$sapwood" help train
check "help COMMAND SUBCOMMAND" 0 '^usage: sapwood shards make' "$sapwood" help shards make
check "help of a command with subcommands" 0 '^usage: sapwood shards' "$sapwood" help shards
check "help of nothing" 2 "unknown command 'trian'; did you mean 'train'?" "$sapwood" help trian
check "help of too much" 2 "help: unexpected word 'c'" "$sapwood" help shards make c

report
