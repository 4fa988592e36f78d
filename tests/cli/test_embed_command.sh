# sapwood embed and search: the files, stops and kills, what cannot be embedded, what is found.
. tests/checks.sh
recipe=recipes/tiny.json
embed() { "$sapwood" embed "$@"; }

cp tests/fixtures/emoji-test.tar "$folder"
check "pictures of a shard" 0 '8 rows of 32 numbers, length 1' embed $recipe \
    --images "$folder/emoji-test.tar" --out "$folder/a.npy"
check "a key per row" 0 '^8$' sh -c 'wc -l <"$0"' "$folder/a.npy.keys.txt"
check "bytes" 0 '^1152$' sh -c 'wc -c <"$0"' "$folder/a.npy"
check "captions" 0 '8 rows of 32 numbers, raw' embed $recipe --texts "$folder/emoji-test.tar" \
    --raw --out "$folder/b.safetensors"
mkdir -p "$folder/pictures/below"
cp tests/fixtures/images/alpha.png "$folder/pictures/below"
head -c 500 tests/fixtures/images/alpha.png >"$folder/pictures/cut.png"
check "a folder of pictures" 0 '1 of them could not be used' embed $recipe \
    --images "$folder/pictures" --out "$folder/c.npy"
check "keys are paths" 0 '^below/alpha.png$' cat "$folder/c.npy.keys.txt"
check "threads change nothing" 0 '8 rows' embed $recipe --images "$folder/emoji-test.tar" \
    --out "$folder/d.npy" --set threads=3
check "threads: bytes" 0 '' cmp "$folder/a.npy" "$folder/d.npy"
check "the same again" 0 'complete already, 8 rows' embed $recipe --images "$folder/emoji-test.tar" \
    --out "$folder/a.npy"
check "another under its name" 2 'length is another; expected 1, found raw' embed $recipe \
    --images "$folder/emoji-test.tar" --out "$folder/a.npy" --raw
check "neither" 2 'expected one of --images and --texts, found none' embed $recipe \
    --out "$folder/e.npy"
check "name" 2 'ends with .npy or .safetensors' embed $recipe --texts "$folder/emoji-test.tar" \
    --out "$folder/e.bin"
check "no input" 3 'missing.tar: not there' embed $recipe --images "$folder/missing.tar" \
    --out "$folder/e.npy"
printf '\n \n' >"$folder/empty.txt"
mkdir "$folder/bare"
check "an empty folder" 3 'bare: nothing in it; expected shards, pictures' embed $recipe --images "$folder/bare" \
    --out "$folder/none.npy"
check "nothing usable" 3 'none of 2 samples is usable' embed $recipe --texts "$folder/empty.txt" \
    --out "$folder/e.npy"
printf '%s\n' "$PWD/tests/fixtures/images/alpha.png" missing.png >"$folder/list.txt"
check "a picture that is not there" 3 'missing.png' embed $recipe --images "$folder/list.txt" \
    --out "$folder/f.npy"
check "option of a recipe" 2 '--weights goes with a recipe' embed "$folder/pictures" --weights x \
    --texts "$folder/empty.txt" --out "$folder/e.npy"

check "no model" 3 'nothing: not there; expected a recipe' embed "$folder/nothing" --weights x \
    --texts "$folder/empty.txt" --out "$folder/e.npy"

# What was embedded is found again.
tar -xf "$folder/emoji-test.tar" -C "$folder"
key=$(sed -n 3p "$folder/a.npy.keys.txt")
search() { "$sapwood" search "$@"; }
check "a picture finds itself" 0 "^   1.0000  $key\$" search $recipe "$folder/a.npy" --top 1 \
    "$(ls "$folder/$key".*g)"
check "a caption finds itself" 0 "^   1.0000  $key\$" search $recipe "$folder/b.safetensors" \
    --top 2 "$(cat "$folder/$key.txt")"
check "hits" 0 '^8$' sh -c '"$@" | grep -c "^  "' sh "$sapwood" search $recipe "$folder/a.npy" dog
check "hits as JSON" 0 '^{"query": "dog", "hits": \[{"key": ".*, "row": [0-7], "score": ' \
    search $recipe "$folder/a.npy" dog --top 2 --json
check "no model to search with" 3 'nothing: not there; expected a recipe' search "$folder/nothing" \
    "$folder/nothing.npy" dog
check "no such picture" 3 'nothing.png: cannot open' search $recipe "$folder/a.npy" nothing.png
check "a damaged picture" 2 'cut.png' search $recipe "$folder/a.npy" "$folder/pictures/cut.png"
check "no feature file" 3 'neither .npy nor .safetensors' search $recipe README.md dog
check "an empty query" 2 "query ' '" search $recipe "$folder/a.npy" ' '

# A run before and after its end: the newest checkpoint, then the last weights.
check "run" 0 '' "$sapwood" train $recipe --run "$folder/run" --quiet \
    --set "data.cache=$folder/cache" --set stages.0.steps=2 --set stages.1.steps=1
check "a run" 0 '8 rows' embed "$folder/run" --images "$folder/emoji-test.tar" \
    --out "$folder/run.npy"
check "weights of a run" 0 '8 rows' embed $recipe --images "$folder/emoji-test.tar" \
    --weights "$folder/run/weights/adapters.safetensors" --out "$folder/trained.npy"
check "a run: bytes" 0 '' cmp "$folder/run.npy" "$folder/trained.npy"
cp tests/fixtures/vocabulary.txt "$folder/vocabulary.txt"
check "run with a vocabulary of its own" 0 '' "$sapwood" train $recipe --run "$folder/words" --quiet \
    --set "data.cache=$folder/cache" --set stages.0.steps=1 --set stages.1.steps=1 \
    --set "model.vocabulary=$folder/vocabulary.txt"
awk 'NR == 3 { held = $0; next } { print } NR == 4 { print held }' tests/fixtures/vocabulary.txt \
    >"$folder/vocabulary.txt"
mkdir "$folder/wds" "$folder/wds/test" && cp tests/fixtures/emoji-test.tar "$folder/wds/test/0.tar"
echo 1 >"$folder/wds/test/nshards.txt" && echo retrieval >"$folder/wds/dataset_type.txt"
changed='words: tokenizer changed since it was trained: model.vocabulary .*vocabulary.txt; expected .*put back'
check "changed vocabulary: embed" 4 "$changed" embed "$folder/words" --texts \
    "$folder/emoji-test.tar" --out "$folder/e.npy"
check "changed vocabulary: search" 4 "$changed" search "$folder/words" "$folder/a.npy" dog
check "changed vocabulary: eval" 4 "$changed" "$sapwood" eval "$folder/words" "$folder/wds"
check "pictures need none" 0 '8 rows' embed "$folder/words" --images "$folder/emoji-test.tar" \
    --out "$folder/words.npy"
rm -r "$folder/run/weights"
check "a checkpoint" 0 '8 rows' embed "$folder/run" --images "$folder/emoji-test.tar" \
    --out "$folder/checkpoint.npy"
check "a checkpoint: bytes" 0 '' cmp "$folder/checkpoint.npy" "$folder/trained.npy"
check "of another model" 0 'was made with other weights' search $recipe "$folder/run.npy" dog
said_other() { search "$@" 2>&1 | grep -c 'was made with other weights'; }
check "of its own model" 1 '^0$' said_other "$folder/run" "$folder/run.npy" dog
check "trained is not base" 1 'differ' cmp "$folder/a.npy" "$folder/trained.npy"

# Weights without a recipe: those of a run that trained everything.
check "run of all weights" 0 '' "$sapwood" train $recipe --run "$folder/all" --quiet \
    --set "data.cache=$folder/cache" --set stages.0.steps=2 --set stages.1.steps=1 \
    --set model.train=all --set model.lora=null --set model.uniadapter=null
check "weights" 0 '8 rows' embed "$folder/all/weights/model.safetensors" \
    --architecture recipes/tiny-architecture.json --vocabulary tests/fixtures/vocabulary.txt \
    --images "$folder/emoji-test.tar" --out "$folder/weights.npy" --set data.slice=8 --set device=cpu
all="$folder/all/weights/model.safetensors --architecture recipes/tiny-architecture.json"
check "pictures without a vocabulary" 0 '8 rows' embed $all --images "$folder/emoji-test.tar" \
    --out "$folder/no-words.npy" --set data.slice=8 --set device=cpu
check "the same bytes" 0 '' cmp "$folder/weights.npy" "$folder/no-words.npy"
check "texts without a vocabulary" 2 'model.vocabulary is missing; .*with --vocabulary' embed $all \
    --texts "$folder/emoji-test.tar" --out "$folder/e.npy"
check "pictures by a picture" 0 '1.0000' "$sapwood" search $all "$folder/weights.npy" \
    "$(ls "$folder/$key".*g)"
check "weights of its run" 0 '8 rows' embed "$folder/all" --images "$folder/emoji-test.tar" \
    --out "$folder/all.npy"
check "weights: bytes" 0 '' cmp "$folder/weights.npy" "$folder/all.npy"
check "neither run nor weights" 3 'expected a run folder' embed "$folder/pictures" \
    --images "$folder/emoji-test.tar" --out "$folder/e.npy"

# Stops, and kills with unsaved rows behind the saved ones; every round comes further.
awk 'BEGIN { srand(7); n = split("red blue dog cat house sea boat small big of the a", w, " ")
    for (i = 0; i < 60000; i++) { s = ""; k = 1 + int(rand() * 8)
        while (k--) s = s w[1 + int(rand() * n)] " "; print s } }' >"$folder/lines.txt"
lines() { embed $recipe --texts "$folder/lines.txt" --out "$folder/$1"; }
bytes() { stat -c %s "$1" 2>/dev/null || echo 0; }
# interrupted NAME SIGNAL: a process that gets the signal once it has written further than before
interrupted() {
    keys=$folder/$1.partial/keys before=$(bytes "$folder/$1.partial/keys")
    "$sapwood" embed $recipe --texts "$folder/lines.txt" --out "$folder/$1" >/dev/null 2>&1 &
    while kill -0 $! 2>/dev/null && [ "$(bytes "$keys")" -le "$before" ]; do sleep 0.02; done
    kill -"$2" $! 2>/dev/null
    wait $! 2>/dev/null
}
check "without a stop" 0 '60000 rows' lines whole.npy
for round in 1 2 3; do
    check "a stop" 75 '' interrupted g.npy TERM
    check "a kill" 137 '' interrupted g.npy KILL
done
check "rows were saved" 0 '"rows": [1-9]' cat "$folder/g.npy.partial/state.json"
check "to the end" 0 '60000 rows' lines g.npy
check "stops and kills: rows" 0 '' cmp "$folder/whole.npy" "$folder/g.npy"
check "stops and kills: keys" 0 '' cmp "$folder/whole.npy.keys.txt" "$folder/g.npy.keys.txt"
check "nothing left over" 1 '' test -e "$folder/g.npy.partial"

# An input that changed meanwhile is told.
check "begun" 75 '' interrupted h.npy TERM
sed -i '1s/.*/another first line/' "$folder/lines.txt"
check "another input" 4 'are not those that .*h.npy.partial was begun with' lines h.npy

report
