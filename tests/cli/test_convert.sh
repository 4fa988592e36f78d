# sapwood convert: what a run made, as open_clip, transformers and PEFT want it, and back again. That
# those programs load it is for tests/peers; here all numbers are compared with our own.
. tests/e2e/tiny.sh

# gone WHAT PATH...: none of them is there
gone() {
    what=$1
    shift
    for path in "$@"; do [ ! -e "$path" ] && good || bad "$what: $path is there"; done
}

plain="--quiet --set optimizer.lr=1e-2 --set model.uniadapter=null --set stages.0.steps=6 --set stages.1.steps=4"
architecture=$folder/recipes/tiny-architecture.json
base=$folder/base run=$folder/run
check "base" 0 '' "$sapwood" train "$recipe" --run "$base" --quiet --set model.uniadapter=null \
    --set model.lora=null --set model.train=all --set stages.0.steps=2 --set stages.1.steps=1
weights=$base/weights/model.safetensors
check "run" 0 '' "$sapwood" train "$recipe" --run "$run" $plain --set "model.weights=\"$weights\""

convert() { "$sapwood" convert "$@"; }
scores() { sed 's/.*"set"/"set"/'; }

# --- Round trips: the same bytes ---
for dtype in fp32 fp16 bf16; do
    a=$folder/$dtype
    check "$dtype" 0 "open_clip, 62 tensors, $dtype\$" convert "$weights" "$a" --to open_clip \
        --architecture "$architecture" --dtype $dtype
    check "$dtype there" 0 'hugging_face, 78 tensors, numbers as they were$' \
        convert "$a" "$a-hf" --to hugging_face
    check "$dtype back" 0 'numbers as they were' convert "$a-hf" "$a-back" --to open_clip
    check "$dtype same bytes" 0 '' cmp "$a/open_clip_model.safetensors" \
        "$a-back/open_clip_model.safetensors"
    check "$dtype same words" 0 '' cmp "$a/open_clip_config.json" "$a-back/open_clip_config.json"
    check "$dtype other bytes" 1 'differ' cmp "$a/open_clip_model.safetensors" \
        "$a-hf/model.safetensors"
done
# same_numbers FILE FILE: what comes after the headers, which differ by the checksum of a run's own file
same_numbers() {
    for file in "$1" "$2"; do
        tail -c +$(($(od -An -tu8 -N 8 "$file") + 9)) "$file" >"$folder/numbers-$((n_numbers = 1 - ${n_numbers:-0}))"
    done
    [ -s "$folder/numbers-0" ] && cmp "$folder/numbers-0" "$folder/numbers-1"
}
check "a run's own file" 0 '' same_numbers "$weights" "$folder/fp32/open_clip_model.safetensors"
check "a run that trained all" 0 'open_clip, 62 tensors, fp32$' convert "$base" "$folder/all" \
    --to open_clip
check "the same" 0 '' same_numbers "$weights" "$folder/all/open_clip_model.safetensors"
check "half the size" 0 '' test "$(wc -c <"$folder/fp16/open_clip_model.safetensors")" -lt \
    "$(($(wc -c <"$weights") * 6 / 10))"

check "features of a folder" 0 '8 rows' "$sapwood" embed "$folder/fp32-hf" --images \
    tests/fixtures/emoji-test.tar --out "$folder/features.npy" --vocabulary tests/fixtures/vocabulary.txt

# transformers takes the features of a text where its end token stands
ids=$("$sapwood" tokenize --vocab tests/fixtures/vocabulary.txt emoji)
token() { sed -n "s/.*\"$1\": \([0-9]*\),*\$/\1/p" "$folder/fp32-hf/config.json"; }
check "start token" 0 "^${ids%% *}\$" token bos_token_id
check "end token" 0 "^${ids##* }\$" token eos_token_id
check "what fills up" 0 "^${ids##* }\$" token pad_token_id

cp tests/fixtures/vocabulary.txt "$folder/fp32-hf/merges.txt"
check "the folder says it all" 0 '8 rows' "$sapwood" embed "$folder/fp32-hf" --images \
    tests/fixtures/emoji-test.tar --out "$folder/again.npy"
check "same features" 0 '' cmp "$folder/features.npy" "$folder/again.npy"

# --- The vocabulary goes along ---
# A run knows its vocabulary, so its exports need none to be named.
printf 'a red shoe\ngrinning face &amp; 42\n' >"$folder/texts.txt"
texts() {
    place=$1 out=$2
    shift 2
    "$sapwood" embed "$place" --texts "$folder/texts.txt" --out "$out" "$@"
}
check "features of the weights" 0 '2 rows' texts "$weights" "$folder/texts.npy" \
    --architecture "$architecture" --vocabulary tests/fixtures/vocabulary.txt
for to in open_clip hugging_face; do
    check "$to with a vocabulary" 0 "$to, " convert "$base" "$folder/with-$to" --to $to
    check "$to: features of texts" 0 '2 rows' texts "$folder/with-$to" "$folder/texts-$to.npy"
    check "$to: the same" 0 '' cmp "$folder/texts.npy" "$folder/texts-$to.npy"
done
hf=$folder/with-hugging_face
check "open_clip: merges alone" 0 '^merges.txt open_clip_config.json open_clip_model.safetensors $' \
    sh -c 'ls "$0" | tr "\n" " "; echo' "$folder/with-open_clip"
check "hugging_face: all files" 0 \
    '^config.json merges.txt model.safetensors preprocessor_config.json special_tokens_map.json tokenizer_config.json vocab.json $' \
    sh -c 'ls "$0" | tr "\n" " "; echo' "$hf"
check "ids in order" 0 '^{"!": 0, .*"!</w>": 256, .*"<|startoftext|>": 698, "<|endoftext|>": 699}$' \
    cat "$hf/vocab.json"
{ cat tests/fixtures/vocabulary.txt && echo; } >"$folder/merges.txt" # the fixture has no last line end
check "merges as trained" 0 '' cmp "$folder/merges.txt" "$hf/merges.txt"
check "context" 0 '"model_max_length": 24' cat "$hf/tokenizer_config.json"
check "class" 0 '"tokenizer_class": "CLIPTokenizer"' cat "$hf/tokenizer_config.json"
check "what fills up" 0 '"pad_token": "<|endoftext|>"' cat "$hf/special_tokens_map.json"
check "on to open_clip" 0 'numbers as they were' convert "$hf" "$folder/on" --to open_clip
check "merges go on" 0 '' cmp "$hf/merges.txt" "$folder/on/merges.txt"
check "a named one" 0 'numbers as they were' convert "$weights" "$folder/named" --to hugging_face \
    --architecture "$architecture" --vocabulary tests/fixtures/vocabulary.txt
check "the same merges" 0 '' cmp "$hf/merges.txt" "$folder/named/merges.txt"
check "none is told" 0 'no vocabulary: OUT has no files of a tokenizer; with --vocabulary' \
    convert "$weights" "$folder/bare" --to hugging_face --architecture "$architecture"
gone "no files of a tokenizer" "$folder/bare/merges.txt" "$folder/bare/vocab.json"
check "one of another size" 2 '49408 entries; expected a vocabulary of byte pairs with 700' convert \
    "$weights" "$folder/new" --to hugging_face --architecture "$architecture" \
    --vocabulary tests/fixtures/bpe_simple_vocab_16e6.txt.gz
check "not there" 3 'none.txt' convert "$base" "$folder/new" --to hugging_face --vocabulary none.txt
check "not with peft" 2 '--vocabulary does not go with --to peft' convert "$run" "$folder/new" --to peft \
    --vocabulary tests/fixtures/vocabulary.txt
mv "$folder/tests/fixtures/vocabulary.txt" "$folder/hidden.txt"
check "the run's is gone" 0 'no vocabulary (.*vocabulary.txt.*): OUT has no files' \
    convert "$base" "$folder/gone" --to open_clip
sed '$d' "$folder/hidden.txt" >"$folder/tests/fixtures/vocabulary.txt"
check "the run's is another" 2 '699 entries' convert "$base" "$folder/new" --to open_clip
{ head -n 1 "$folder/hidden.txt" && echo "0 0" && sed '1d; $d' "$folder/hidden.txt"; } >"$folder/tests/fixtures/vocabulary.txt"
check "the run's has changed" 4 'tokenizer changed since it was trained' convert "$base" "$folder/new" \
    --to open_clip
mv "$folder/hidden.txt" "$folder/tests/fixtures/vocabulary.txt"

# --- Adapters: the numbers of the run ---
tail -n 2 "$run/evaluation.jsonl" | scores >"$folder/end"
measure() {
    "$sapwood" eval "$recipe" --json --set "data.cache=$folder/cache" --set model.uniadapter=null "$@" |
        scores
}
check "merged" 0 'hugging_face, 78 tensors, fp32, 1 merged adapter$' convert "$run" \
    "$folder/merged" --to hugging_face
measure --set "model.weights=\"$folder/merged\"" >"$folder/found"
check "merged scores" 0 '' cmp "$folder/end" "$folder/found"
measure --set "model.weights=\"$weights\"" >"$folder/found"
check "the base scores something else" 1 'differ' cmp "$folder/end" "$folder/found"

check "peft" 0 'peft, adapters of 16 layers, rank 4$' convert "$run" "$folder/peft" --to peft
check "its scale" 0 'logit_scale to ' cat "$folder/peft/README.md"
for file in adapter_config.json adapter_model.safetensors README.md; do
    check "$file" 0 '' test -s "$folder/peft/$file"
done
measure --set "model.weights=\"$weights\"" --set "model.adapters=[\"$folder/peft\"]" >"$folder/found"
check "peft scores" 0 '' cmp "$folder/end" "$folder/found"
check "a file's adapters" 0 'peft' convert "$run/weights/adapters.safetensors" "$folder/peft2" \
    --to peft
check "same adapters" 0 '' cmp "$folder/peft/adapter_model.safetensors" \
    "$folder/peft2/adapter_model.safetensors"
check "base and adapters" 0 '1 merged adapter$' convert "$weights" "$folder/merged2" \
    --to hugging_face --architecture "$architecture" --adapters "$run"
check "same merged" 0 '' cmp "$folder/merged/model.safetensors" "$folder/merged2/model.safetensors"
check "16 bits of adapters" 0 'peft' convert "$run" "$folder/peft16" --to peft --dtype bf16
check "smaller" 0 '' test "$(wc -c <"$folder/peft16/adapter_model.safetensors")" -lt \
    "$(wc -c <"$folder/peft/adapter_model.safetensors")"

# --- Nothing is overwritten, nothing is half there ---
cp -r "$folder/peft" "$folder/kept"
check "there already" 2 'peft: exists; expected a new name' convert "$run" "$folder/peft" --to peft
check "there already" 2 'peft/: exists' convert "$run" "$folder/peft/" --to open_clip
check "untouched" 0 '' diff -r "$folder/peft" "$folder/kept"
mkdir "$folder/.tmp_late" && echo old >"$folder/.tmp_late/README.md"
check "after a kill" 0 '' convert "$run" "$folder/late" --to open_clip
gone "its rest" "$folder/late/README.md" "$folder/.tmp_late"
check "full disk" 5 'full/*.*File too large' sh -c 'ulimit -f 40; "$0" convert "$1" "$2" --to open_clip' \
    "$sapwood" "$run" "$folder/full"
check "full disk, adapters" 5 'File too large' \
    sh -c 'ulimit -f 8; "$0" convert "$1" "$2" --to peft' "$sapwood" "$run" "$folder/full"
gone "nothing is left" "$folder/full" "$folder/.tmp_full"

# --- The base of a run is no longer the one that it was trained over ---
cp "$weights" "$folder/kept.safetensors"
check "other weights" 0 '' "$sapwood" train "$recipe" --run "$folder/other" --quiet --set seed=5 \
    --set model.uniadapter=null --set model.lora=null --set model.train=all --set stages.0.steps=1 \
    --set stages.1.steps=1
cp "$folder/other/weights/model.safetensors" "$weights"
for to in open_clip peft; do
    check "changed base to $to" 4 'run: base_weights changed since it was trained: model.weights .*put back' \
        convert "$run" "$folder/new" --to $to
done
check "changed base, features" 4 'base_weights changed' "$sapwood" embed "$run" --images \
    tests/fixtures/emoji-test.tar --out "$folder/changed.npy"
cp "$folder/kept.safetensors" "$weights"
check "the base again" 0 '' convert "$run" "$folder/again" --to open_clip

# --- What cannot be done ---
check "no format" 2 '--to' convert "$run" "$folder/new"
check "unknown format" 2 'open_clip, hugging_face' convert "$run" "$folder/new" --to onnx
check "no architecture" 2 'model.architecture is missing' convert "$weights" "$folder/new" --to open_clip
check "other architecture" 3 'do not fit architecture ViT-B-32' convert "$weights" "$folder/new" \
    --to open_clip --architecture ViT-B-32
check "no clip" 77 'no CLIP' convert "$weights" "$folder/new" --to open_clip --architecture dinov2_vits14
check "recipe" 2 'is a recipe' convert "$recipe" "$folder/new" --to open_clip
check "no adapters" 2 'this run trained all weights' convert "$base" "$folder/new" --to peft
check "no adapters" 3 'no adapters in it' convert "$weights" "$folder/new" --to peft
check "peft of peft" 2 'is a PEFT folder already' convert "$folder/peft" "$folder/new" --to peft
check "adapters of peft" 2 'does not go with --to peft' convert "$run" "$folder/new" --to peft \
    --adapters "$run"
check "nothing" 3 'nothing: not there; expected a recipe' convert "$folder/nothing" "$folder/new" --to open_clip \
    --architecture "$architecture"
head -c 20000 "$weights" >"$folder/cut.safetensors"
check "damaged" 3 'cut.safetensors' convert "$folder/cut.safetensors" "$folder/new" --to open_clip \
    --architecture "$architecture"
check "bottleneck" 0 '' "$sapwood" train "$recipe" --run "$folder/bottleneck" --quiet \
    --set stages.0.steps=1 --set stages.1.steps=1
for to in open_clip peft; do
    check "bottleneck to $to" 3 'belongs to a UniAdapter' convert "$folder/bottleneck" "$folder/new" \
        --to $to
done
check "not complete" 0 '' mv "$run/weights" "$run/hidden"
check "not complete" 3 'let the run continue to its end' convert "$run" "$folder/new" --to open_clip
check "not complete" 0 '' mv "$base/weights" "$base/hidden"
check "all, not complete" 3 'let the run continue to its end' convert "$base" "$folder/new" --to open_clip
gone "nothing was made" "$folder/new" "$folder/.tmp_new"
report
