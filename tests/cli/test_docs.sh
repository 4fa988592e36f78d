# The commands of docs/coming_from_open_clip.md, as they stand there, in a folder with small fixtures
# under the names that the page uses. Its recipe is made smaller: architecture, vocabulary, batch, steps.
# The fields that it names must be in the schema.
. tests/checks.sh

page=$PWD/docs/coming_from_open_clip.md
fixtures=$PWD/tests/fixtures
mkdir "$folder/bin"
ln -s "$sapwood" "$folder/bin/sapwood"
PATH=$folder/bin:$PATH

# prepare FOLDER PAGE: the fixtures, the recipe and the commands of a page
prepare() {
    mkdir "$1"
    cp "$fixtures/fashion-train.tar" "$1/shoes-000.tar"
    cp "$fixtures/emoji-train.tar" "$1/shoes-001.tar"
    cp "$fixtures/fashion-test.tar" "$1/shoes-test.tar"
    cp "$fixtures/vocabulary.txt" recipes/tiny-architecture.json "$1"
    cp "$folder/base/weights/model.safetensors" "$1/open_clip_model.safetensors"
    small='s/ViT-B-32-quickgelu/tiny-architecture.json/; s/bpe_simple_vocab_16e6.txt.gz/vocabulary.txt/
        s/"batch_size": 64/"batch_size": 16/; s/"steps": 2000/"steps": 3/'
    sed -n '/^```json$/,/^```$/p' "$2" | sed '/^```/d' | sed "$small" >"$1/shoes.json"
    sed -n '/^```/,/^```$/d; s/^    //p' "$2" | sed "$small" >"$1/commands"
}

# run FOLDER: its commands one after the other; stops at the first that fails
run() {
    cd "$1" || return 1
    while read -r line; do
        sh -c "$line" </dev/null >output 2>&1 && continue
        echo "failed: $line"
        cat output
        return 1
    done <commands
}

check "base" 0 '' "$sapwood" train recipes/tiny.json --run "$folder/base" --quiet \
    --set model.lora=null --set model.uniadapter=null --set model.train=all \
    --set stages.0.steps=1 --set stages.1.steps=1
prepare "$folder/page" "$page"
check "commands" 0 '^12$' sh -c 'wc -l <"$0"' "$folder/page/commands"
check "all of sapwood" 1 '' grep -v '^sapwood ' "$folder/page/commands"
(run "$folder/page") >"$folder/said" && good || bad "the page: $(cat "$folder/said")"
for made in logs/shoes/weights/adapters.safetensors logs/shoes-2/weights/adapters.safetensors \
    shoes-open-clip/open_clip_config.json shoes-hf/preprocessor_config.json \
    shoes-peft/adapter_config.json base-hf/config.json features.npy; do
    check "$made" 0 '' test -s "$folder/page/$made"
done

# A wrong command, a wrong field of the recipe: each must be found.
for planted in 's/--dry-run/--dryrun/' 's/"warmup"/"warm_up"/' 's/to hugging_face/to huggingface/'; do
    sed "$planted" "$page" >"$folder/wrong.md"
    rm -rf "$folder/wrong"
    prepare "$folder/wrong" "$folder/wrong.md"
    (run "$folder/wrong") >"$folder/said" && bad "planted $planted: not found" || good
done

# Fields in the second column of the table of flags
"$sapwood" recipe schema >"$folder/schema"
sed -n '/^## Flags/,/^## Files/p' "$page" | sed -n 's/^| `--.*| \(.*\) |$/\1/p' | grep -o '`[a-z_0-9.\[]*\]*[a-z_.]*`' |
    tr -d '`[]' | tr '.' '\n' | sort -u >"$folder/words"
check "words" 0 '^[2-9][0-9]$' sh -c 'wc -l <"$0"' "$folder/words"
while read -r word; do
    case $word in '' | json | retrieval | classification) continue ;; esac
    check "field $word" 0 '' grep -q "\"$word\":" "$folder/schema"
done <"$folder/words"
report
