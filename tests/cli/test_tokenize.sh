#!/bin/sh
# `sapwood tokenize` and `sapwood tokenizer train` as a user types them.
set -eu
sapwood=$1
vocab=tests/fixtures/bpe_simple_vocab_16e6.txt.gz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 passed=0

expect() { # what, expected, found
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s: expected "%s", found "%s"\n' "$1" "$2" "$3"
    fi
}

expect ids "49406 320 1125 539 320 2368 269 49407" "$("$sapwood" tokenize --vocab $vocab "a photo of a cat.")"
expect words "49406 320 2368 49407" "$("$sapwood" tokenize --vocab $vocab a cat)"
expect cut "49406 320 49407" "$("$sapwood" tokenize --vocab $vocab --context 3 a cat)"

code=0
"$sapwood" tokenize --vocab "$work/absent.gz" cat 2>"$work/message" || code=$?
expect "missing vocabulary" 3 $code
grep -q "absent.gz" "$work/message" || expect "message names the file" yes no
code=0
"$sapwood" tokenize --vocab $vocab "" 2>/dev/null || code=$?
expect "empty text" 3 $code

yes "a red dog and a red cat" | head -n 20 >"$work/captions.txt"
"$sapwood" tokenizer train --size 520 --out "$work/small.txt" "$work/captions.txt" >"$work/report"
expect report "$work/small.txt: 520 entries from 20 captions, 140 words, 5 different" "$(cat "$work/report")"
expect merges 7 "$(grep -c '' "$work/small.txt")"
expect "small ids" "518 513 519" "$("$sapwood" tokenize --vocab "$work/small.txt" red)"
code=0
"$sapwood" tokenizer train --size 4000 --out "$work/large.txt" "$work/captions.txt" 2>"$work/message" || code=$?
expect "too few captions" 3 $code
[ ! -e "$work/large.txt" ] || expect "no file after failure" absent present

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
