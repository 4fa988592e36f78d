# `sapwood tokenize` and `sapwood tokenizer train` as a user types them.
. tests/checks.sh
vocab=tests/fixtures/bpe_simple_vocab_16e6.txt.gz

expect() { # what, expected, found
    if [ "$2" = "$3" ]; then good; else bad "$1: expected \"$2\", found \"$3\""; fi
}

expect ids "49406 320 1125 539 320 2368 269 49407" "$("$sapwood" tokenize --vocab $vocab "a photo of a cat.")"
expect words "49406 320 2368 49407" "$("$sapwood" tokenize --vocab $vocab a cat)"
expect cut "49406 320 49407" "$("$sapwood" tokenize --vocab $vocab --context 3 a cat)"

check "missing vocabulary" 3 'absent.gz' "$sapwood" tokenize --vocab "$folder/absent.gz" cat
check "empty text" 3 '' "$sapwood" tokenize --vocab $vocab ""

yes "a red dog and a red cat" | head -n 20 >"$folder/captions.txt"
"$sapwood" tokenizer train --size 520 --out "$folder/small.txt" "$folder/captions.txt" >"$folder/report"
expect report "$folder/small.txt: 520 entries from 20 captions, 140 words, 5 different" "$(cat "$folder/report")"
expect merges 7 "$(grep -c '' "$folder/small.txt")"
expect "small ids" "518 513 519" "$("$sapwood" tokenize --vocab "$folder/small.txt" red)"
check "no overwriting" 2 'small.txt: exists already' \
    "$sapwood" tokenizer train --size 516 --out "$folder/small.txt" "$folder/captions.txt"
expect "what was there" 7 "$(grep -c '' "$folder/small.txt")"
check "too few captions" 3 '' \
    "$sapwood" tokenizer train --size 4000 --out "$folder/large.txt" "$folder/captions.txt"
[ ! -e "$folder/large.txt" ] && good || bad "a file is left after failure"

# An empty file is no vocabulary.
: >"$folder/empty.txt"
check "empty vocabulary" 3 'empty.txt: no merges in it; expected a vocabulary' \
    "$sapwood" tokenize --vocab "$folder/empty.txt" cat
report
