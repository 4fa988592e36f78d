# What a newcomer does wrong, and what the program answers: exit code and the words that help.
. tests/e2e/tiny.sh
fixtures=$folder/tests/fixtures
run=$folder/run

# wrong WHAT EXPECTED_CODE PATTERN OPTION...: training answers so, in one line on stderr
wrong() {
    what=$1 code=$2 pattern=$3
    shift 3
    check "$what" "$code" "^sapwood: .*$pattern" "$sapwood" train "$recipe" --run "$run" --quiet "$@"
    rm -rf "$run"
}

# --- The recipe ---

wrong "misspelt key" 2 "optimizer.wamup: unknown key; did you mean 'warmup'?" --set optimizer.wamup=1
wrong "unknown key" 2 'optimizer.learning_rate: unknown key; expected one of lr,' \
    --set optimizer.learning_rate=1
wrong "steps and epochs" 2 'stages\[0\]: both steps and epochs; expected "steps": .*or "epochs": passes' \
    --set stages.0.epochs=3
wrong "no length" 2 'stages\[1\]: neither steps nor epochs; expected' --set stages.1.steps=0
wrong "epochs of the recipe" 2 ' epochs: unknown key; each stage has its own: "stages": .*"epochs": 3' \
    --set epochs=3
wrong "wrong kind" 2 'optimizer.lr: .*expected a number, found a text' --set optimizer.lr='"fast"'
wrong "one without brackets" 2 'model.adapters: .*expected a list, found a text; .*brackets too: \[' \
    --set model.adapters=runs/one
wrong "out of range" 2 'optimizer.lr: out of range; expected 0 to 10, found 11' --set optimizer.lr=11
wrong "fraction" 2 'stages\[0\].steps: .*1.5' --set stages.0.steps=1.5
wrong "loss nobody has" 2 "losses\[0\].type: .*did you mean 'clip'?" --set losses.0.type='"clipp"'
wrong "a change of no name, in a new run" 2 '--allow-change: expected recipe, data.*found recipee' \
    --allow-change recipee
wrong "no such checkpoint" 3 '--resume none: no such folder; .*`sapwood run ls' --resume none
wrong "setting without value" 2 'optimizer.lr' --set optimizer.lr
wrong "batch and slice" 2 'data.update: 12 samples.*multiple of data.slice, which is 8' \
    --set data.update.batch_size=12
wrong "two stages of one name" 2 'stages: two are named "emoji"; .*where a domain comes back "emoji-3"$' \
    --set stages.1.name='"emoji-2"' --set 'stages.2={"name":"emoji","steps":3,"sources":[{"name":"emoji","shards":"../tests/fixtures/emoji-train.tar"}]}'
wrong "two sets of one name" 2 'evaluation.sets: two are named "emoji"; .*second one "emoji-2"$' \
    --set evaluation.sets.1.name='"emoji"'
wrong "a stage named as the start" 2 'stages: one is named "start", which .*another name' \
    --set stages.0.name='"start"'
wrong "loss without its samples" 2 'zscl needs samples of the role ref_image.*add data.ref_image' \
    --set data.ref_image=null
wrong "shares" 2 'shares of pretrain and buffer sum to 1.05.*less than 1' \
    --set data.buffer.share=0.8 \
    --set 'data.pretrain={"share":0.25,"sources":[{"name":"a","shards":"a.tar"}]}'
wrong "gap" 2 'data.jpeg_reducing_gap is 0.5; expected 0 or at least 1' \
    --set data.jpeg_reducing_gap=0.5
wrong "small share" 2 'data.buffer: its share of 16 pairs is less than one' --set data.buffer.share=0.01
wrong "buffer of all with a capacity" 2 'capacity is 40; expected none' --set data.buffer.keep='"all"'
wrong "buffer without a capacity" 2 'capacity is 0; expected how many' --set data.buffer.capacity=0
wrong "probabilities" 2 'source emoji: caption_mix: the probabilities sum to 0.5; expected 1' \
    --set 'stages.0.sources.0.caption_mix=[{"probability":0.5}]'
wrong "two ways to captions" 2 'source emoji: .*move the field into caption_mix' \
    --set 'stages.0.sources.0.caption_mix=[{"probability":1}]' \
    --set stages.0.sources.0.caption_field='"x"'
wrong "template without a place" 2 'source emoji: template "a photo": no place for the class name' \
    --set 'stages.0.sources.0.templates=["a photo"]'
named='the name "openclipart" is also that of'
wrong "two sources of one name" 2 'stage fashion: sources\[0\]: the name "emoji" is also that of stage emoji: sources\[0\], with other shards; .*another name' \
    --set stages.1.sources.0.name=emoji
wrong "a stage's source named as a role's" 2 "stage fashion: sources\[0\]: $named data.ref_text.sources\[0\], with other shards" \
    --set stages.1.sources.0.name=openclipart
wrong "two sources of one name in a role" 2 "ref_image.sources\[1\]: $named data.ref_image.sources\[0\], with other shards" \
    --set 'data.ref_image.sources=[{"name":"openclipart","shards":"a.tar"},{"name":"openclipart","shards":"b.tar"}]'
wrong "one source read in two ways" 2 "data.ref_text.sources\[0\]: $named data.ref_image.sources\[0\], with other captions" \
    --set data.ref_text.sources.0.captions=lines
wrong "nothing to train" 2 'model.train is "adapters" but neither' --set model.lora=null \
    --set model.uniadapter=null
wrong "number for a text" '[23]' 'no Vulkan device for .99.' --set device=99
check "number as a name" 0 '"name": "2024"' sh -c '"$0" train "$1" --run "$2" --quiet --set name=2024 \
    --set stages.0.steps=1 --set stages.1.steps=1 && cat "$2/recipe.resolved.json"' \
    "$sapwood" "$recipe" "$folder/2024"
sed 's/"device": "cpu"/"device": 0/' "$recipe" >"$folder/recipes/number.json"
check "number for a text in the file" 2 'device: expected a text, found a number; write "0"' \
    "$sapwood" recipe check "$folder/recipes/number.json"
sed 's/"lr"/"lt"/' "$recipe" >"$folder/recipes/typo.json"
check "key in the file" 2 "typo.json:.*optimizer.lt: unknown key; did you mean 'lr'?" \
    "$sapwood" train "$folder/recipes/typo.json" --run "$run"
check "recipe check" 2 "did you mean 'lr'?" "$sapwood" recipe check "$folder/recipes/typo.json"
printf '{"name": "x",}\n' >"$folder/comma.json"
check "no JSON" 2 'comma.json:1:14: not JSON' "$sapwood" train "$folder/comma.json" --run "$run"
printf '{"name": "x", "name": "y"}\n' >"$folder/twice.json"
check "key twice" 2 'twice.json:.*name' "$sapwood" train "$folder/twice.json" --run "$run"
check "no such recipe" 2 'none.json: cannot open' "$sapwood" train "$folder/none.json" --run "$run"
check "no recipe" 2 'RECIPE' "$sapwood" train
[ -e "$run" ] && bad "a wrong recipe leaves a run folder" || good

# --- The model ---

wrong "architecture as OpenAI writes it" 2 "architecture ViT-B/16; .*; did you mean 'ViT-B-16'?$" \
    --set model.architecture='"ViT-B/16"'
wrong "architecture" 2 'model.architecture: architecture ViT-B-33; expected one of .*ViT-B-32' \
    --set model.architecture='"ViT-B-33"'
printf '%s' '{"embed_dim": 32, "quick_gelu": true,
  "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 48, "layers": 2, "head_width": 16},
  "text_cfg": {"context_length": 24, "vocab_size": 700, "width": 32, "heads": 2, "layers": 2}}' \
    >"$folder/recipes/wide.json"
"$sapwood" train "$recipe" --run "$folder/wide" --quiet --set model.architecture='"wide.json"' \
    --set model.train='"all"' --set model.lora=null --set model.uniadapter=null \
    --set 'losses=[{"type":"clip"}]' --set stages.0.steps=2 --set stages.1.steps=2
wrong "weights of another model" 3 'model.safetensors.*visual.*shape' \
    --set model.weights="\"$folder/wide/weights/model.safetensors\""
head -c 5000 "$folder/wide/weights/model.safetensors" >"$folder/cut.safetensors"
wrong "cut weights" 3 'cut.safetensors' --set model.weights="\"$folder/cut.safetensors\""
wrong "cut weights" 3 'cut.safetensors: the file is cut short' --set model.weights="\"$folder/cut.safetensors\""
size=$(wc -c <"$folder/wide/weights/model.safetensors")
head -c $((size - 1000)) "$folder/wide/weights/model.safetensors" >"$folder/most.safetensors"
wrong "half of a download" 3 "most.safetensors: the file is cut short: $((size - 1000)) of $size bytes" \
    --set model.weights="\"$folder/most.safetensors\""
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n' >"$folder/lfs.safetensors"
wrong "pointer for weights" 3 'lfs.safetensors: a pointer of git-lfs.*git lfs pull' \
    --set model.weights="\"$folder/lfs.safetensors\""
cp "$folder/lfs.safetensors" "$folder/pytorch_model.bin"
wrong "pointer for a pickle" 3 'pytorch_model.bin: a pointer of git-lfs' \
    --set model.weights="\"$folder/pytorch_model.bin\""
printf '<!doctype html><html lang="en">%s</html>\n' "$(seq 100)" >"$folder/page.safetensors"
wrong "page for weights" 3 'page.safetensors: an HTML page.*/resolve/main/' \
    --set model.weights="\"$folder/page.safetensors\""
echo '{"error": "Repository not found"}' >"$folder/answer.safetensors"
wrong "answer of a server for weights" 3 'answer.safetensors: a text, .*begins "{"error": "Repos.*download it again' \
    --set model.weights="\"$folder/answer.safetensors\""
: >"$folder/empty.safetensors"
wrong "nothing for weights" 3 'empty.safetensors: the file is empty' \
    --set model.weights="\"$folder/empty.safetensors\""
wrong "page for a vocabulary" 3 'page.safetensors: an HTML page' \
    --set model.vocabulary="\"$folder/page.safetensors\""
/usr/bin/python3 - "$folder/wide/weights/model.safetensors" "$folder/int8.safetensors" <<'END'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header = {k: v for k, v in json.loads(data[8:8 + n]).items() if k != "__metadata__"}
end = 0
for name, t in sorted(header.items()):
    size = (t["data_offsets"][1] - t["data_offsets"][0]) // 4
    t.update(dtype="I8", data_offsets=[end, end + size])
    end += size
text = json.dumps(header).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + bytes(end))
END
wrong "quantised weights" 3 'they are quantised: take them in fp32, fp16 or bf16' \
    --set model.weights="\"$folder/int8.safetensors\"" --set model.architecture='"wide.json"'
# Names that are none of this machine: on a hub, with what only a shell replaces.
wrong "hub name" 3 "openai/clip-vit-base-patch32: not there; .*'https://huggingface.co/openai/clip-vit-base-patch32/resolve/main/{config.json,model.safetensors,merges.txt}'" \
    --set model.weights='"openai/clip-vit-base-patch32"'
wrong "hub name of open_clip" 3 "'https://huggingface.co/laion/B-32/resolve/main/{open_clip_config.json,open_clip_model.safetensors,merges.txt}'" \
    --set model.weights='"hf-hub:laion/B-32"'
wrong "tag of open_clip" 3 'laion2b_s34b_b79k: not there; .*not fetched.*huggingface.co/OWNER/NAME/' \
    --set model.weights='"laion2b_s34b_b79k"'
wrong "address" 3 'addresses are not fetched: get the file with curl' \
    --set model.weights='"https://h/model.safetensors"'
wrong "home" 3 '~ is not expanded here' --set model.weights='"~/clip/model.safetensors"'
wrong "home, of shards" 3 '~/a.tar: no such shard.*~ is not expanded here' \
    --set stages.0.sources.0.shards='"~/a.tar"'
wrong "variable" 3 'variables of the shell are not expanded' --set model.weights='"$HOME/clip"'
check "hub name for a command" 3 'not there; expected a recipe.*names on a hub are not fetched' \
    "$sapwood" embed openai/clip-vit-base-patch32 --images x.tar --out "$folder/x.npy"
wrong "no hub name" 3 'none/model.safetensors: not there; expected weights: a file, an index or a folder$' \
    --set model.weights='"none/model.safetensors"'
wrong "no weights" 3 'model.weights: .*none.safetensors: not there; expected weights' \
    --set model.weights='"none.safetensors"'
wrong "no weights and no architecture" 3 'none.safetensors: not there; expected weights' \
    --set model.weights='"none.safetensors"' --set model.architecture='""'
"$sapwood" train "$recipe" --run "$folder/trained" --quiet --set model.uniadapter=null \
    --set stages.0.steps=1 --set stages.1.steps=1
"$sapwood" convert "$folder/trained" "$folder/peft" --to peft >/dev/null
wrong "a run for weights" 3 'trained: a run, not weights; .*model.adapters.*trained/weights$' \
    --set model.weights="\"$folder/trained\""
for adapters in trained/weights/adapters.safetensors peft peft/adapter_model.safetensors; do
    wrong "adapters as weights" 2 'these are adapters; name them in model.adapters' \
        --set model.weights="\"$folder/$adapters\""
done
wrong "vocabulary of another size" 2 "expected 700 .*train one of that size" \
    --set model.vocabulary="\"$PWD/tests/fixtures/bpe_simple_vocab_16e6.txt.gz\""
wrong "vocabulary of other weights" 2 'expected 700 .*name the one that the weights were trained with' \
    --set model.weights="\"$folder/wide/weights/model.safetensors\"" \
    --set model.architecture='"wide.json"' \
    --set model.vocabulary="\"$PWD/tests/fixtures/bpe_simple_vocab_16e6.txt.gz\""
wrong "no vocabulary" 3 'model.vocabulary: .*none.txt' --set model.vocabulary='"none.txt"'

# --- The device ---

wrong "no such GPU" '[23]' 'no Vulkan device for .geforce.; expected .cpu., .auto.' \
    --set device='"geforce"'
check "no driver at all" 77 "Vulkan: no driver can be used.*or take the device .cpu." env VK_ICD_FILENAMES=/dev/null "$sapwood" train "$recipe" \
    --run "$run" --quiet --set device='"geforce"'
check "auto without a GPU" 0 'on cpu:' env VK_ICD_FILENAMES=/dev/null "$sapwood" train "$recipe" \
    --run "$run" --set device='"auto"' --set stages.0.steps=2 --set stages.1.steps=2
rm -rf "$run"

# --- The data ---

mkdir "$folder/texts"
echo "a text" >"$folder/texts/0.txt"
tar -cf "$folder/texts.tar" -C "$folder/texts" 0.txt
check "missing evaluation shard, dry" 3 'evaluation emoji: .*emoji-test.tar: no such shard.*check the path' \
    "$sapwood" train "$recipe" --run "$run" --dry-run --set 'evaluation.sets[0].shards="emoji-test.tar"'
check "evaluation without pictures, dry" 3 'evaluation emoji: .*no sample has a picture; found txt' \
    "$sapwood" train "$recipe" --run "$run" --dry-run --set "evaluation.sets[0].shards=$folder/texts.tar"

# What a later stage lacks is told before the first one is trained.
check "captions of the last stage, dry" 3 'stage .*: update: source .*: no sample has a caption' \
    "$sapwood" train "$recipe" --run "$run" --dry-run --set 'stages[1].sources[0].caption_field="captoin"'
check "captions of the last stage" 3 'stage .*: update: source .*: no sample has a caption' \
    "$sapwood" train "$recipe" --run "$run" --set 'stages[1].sources[0].caption_field="captoin"'
[ ! -e "$run/metrics.jsonl" ] && good || bad "steps were trained before the last stage was looked at"
check "labels of the past, dry" 3 'stage .*: buffer: no past sample has a label' "$sapwood" train "$recipe" \
    --run "$run" --dry-run --set 'data.buffer={"share": 0.25, "keep": "class_balanced", "capacity": 10}'
check "evaluation without labels, dry" 3 'evaluation emoji: classification: no sample has a label' "$sapwood" \
    train "$recipe" --run "$run" --dry-run --set 'evaluation.sets[0].task="classification"' \
    --set 'evaluation.sets[0].classnames=["a", "b"]'

# What is allowed but rarely meant: a warning before the first step; and what the steps are in passes.
plan() { "$sapwood" train "$recipe" --run "$run" --dry-run "$@"; }
check "passes" 0 '^stage  *emoji: 30 steps x 16 pairs, 15.00 passes over emoji (32 samples)$' plan
printf '%s\n' "$output" | grep -q 'WARNING | stage' && bad "warned for nothing: $output" || good
check "shares of passes" 0 '^stage  *emoji: .*, 18.00 passes over a (20 samples), 6.00 over b (20 samples)$' plan \
    --set 'stages.0.sources=[{"name":"a","ratio":3,"shards":"../tests/fixtures/fashion-train.tar"},{"name":"b","ratio":1,"shards":"../tests/fixtures/fashion-train.tar"}]'
check "batch of more than the data" 0 'WARNING | stage emoji: a step draws 64 pairs from source emoji, which has 32 usable samples' \
    plan --set data.update.batch_size=64
check "many of few" 0 'WARNING | stage emoji: a step draws 64 pairs from source emoji' \
    plan --set data.update.batch_size=32 --set optimizer.accum_freq=2
check "warm-up of the whole stage" 0 'WARNING | stage emoji: optimizer.warmup is 30, but the stage has 30 steps' \
    plan --set optimizer.warmup=30
check "a step less" 0 '^stage ' plan --set optimizer.warmup=29
printf '%s\n' "$output" | grep -q 'WARNING | stage' && bad "warned for nothing: $output" || good
check "warned at the start, too" 0 '' "$sapwood" train "$recipe" --run "$run" --quiet --set optimizer.warmup=1 --set stages.0.steps=1 --set stages.1.steps=1
printf '%s\n' "$output" | grep -c 'WARNING | stage .*warmup' | grep -q '^1$' && good ||
    bad "expected one warning of warm-up, found: $output"
rm -rf "$run"

shard=$fixtures/fashion-train.tar
mv "$shard" "$folder/kept.tar"
wrong "missing shard" 3 'source fashion: .*fashion-train.tar: no such shard.*check the path'
head -c 20000 "$folder/kept.tar" >"$shard"
wrong "cut shard" 3 'fashion-train.tar: damaged or cut short after member 18'
echo "this is no tar" >"$shard"
wrong "no tar" 3 'fashion-train.tar: damaged or cut short'
gzip -c "$folder/kept.tar" >"$fixtures/fashion-train.tar.gz"
rm "$shard"
wrong "compressed shard" '[23]' 'gzip -dk .*fashion-train.tar.gz' --set \
    'stages.1.sources=[{"name":"fashion","shards":"../tests/fixtures/fashion-train.tar.gz"}]'

# repack SCRIPT: the shard with its members changed by a script that runs among them
repack() {
    rm -rf "$folder/members" "$shard"
    mkdir "$folder/members"
    (cd "$folder/members" && tar xf "$folder/kept.tar" && sh -c "$1" && tar cf "$shard" *)
}
repack 'rm *.txt'
wrong "no captions" 3 'no sample has a caption; expected members txt.*found cls png; run: sapwood shards ls'
repack 'rm *.png'
wrong "no pictures" 3 'fashion.*no sample has a picture\|fashion.*found cls txt'
repack 'for f in *.png; do head -c 100 $f >cut; mv cut $f; done'
wrong "all pictures corrupt" 3 'source fashion: too much unusable data: .*png.*run: sapwood shards check'
repack 'head -c 100 train00000.png >cut; mv cut train00000.png'
check "one corrupt picture" 0 '' "$sapwood" train "$recipe" --run "$run" --quiet
grep -q '"key": "train00000", "reason": "png' "$run/quarantine.jsonl" && good ||
    bad "expected train00000 in $(head -n 1 "$run/quarantine.jsonl")"
grep -q '"holes": [1-9].*"skipped": false' "$run/metrics.jsonl" && good || bad "expected a hole"
[ "$(wc -l <"$run/metrics.jsonl")" = 60 ] && good || bad "a hole shifted the steps"
grep -c nan "$run/metrics.jsonl" | grep -q '^0$' && good || bad "a hole made a NaN"
rm -rf "$run"
cp "$folder/kept.tar" "$shard"

# --- The run folder ---

"$sapwood" train "$recipe" --run "$run" --quiet --set stages.0.steps=100000 >"$folder/said" 2>&1 &
process=$!
tries=0
until [ -s "$run/metrics.jsonl" ] || [ $tries = 500 ]; do sleep 0.02 && tries=$((tries + 1)); done
check "folder in use" 2 'run.*in use\|run.*another process' "$sapwood" train "$recipe" --run "$run"
kill -TERM $process
wait $process
check "other steps" 4 'recipe changed: stages\[0\].steps; expected 100000, found 30' \
    "$sapwood" train "$recipe" --run "$run" --quiet
check "resume never" 2 'has a checkpoint of step .*--resume never' \
    "$sapwood" train "$recipe" --run "$run" --resume never
rm -rf "$run"
echo file >"$folder/file"
check "run is a file" '[235]' "$folder/file" "$sapwood" train "$recipe" --run "$folder/file/run"
# Nothing fits: not even the index or the teacher's features.
check "no disk space at the start" 5 'File too large' sh -c 'ulimit -f 1; exec "$@"' - \
    "$sapwood" train "$recipe" --run "$run" --quiet
rm -rf "$run"
if [ "$(id -u)" != 0 ]; then
    mkdir "$folder/locked" && chmod 555 "$folder/locked"
    check "no permission" 5 'locked.*Permission denied' "$sapwood" train "$recipe" \
        --run "$folder/locked/run"
fi

# --- Addresses with a secret in them ---

# hidden CODE PATTERN COMMAND...: answers so, without the secret
hidden() {
    check "hidden: $3 $4" "$@"
    case $output in *SECRET*) bad "a secret shows: $output" ;; *) good ;; esac
}
hidden 3 'http://h/e.tar?\.\.\.: not there' "$sapwood" embed "$recipe" --images "http://h/e.tar?sig=SECRET" \
    --out "$folder/e.npy"
hidden 3 'http://\.\.\.@h/e.tar.*: user and password' "$sapwood" shards index "http://user:SECRET/a@h/e.tar" \
    --cache "$folder/cache"
hidden 2 'HTTP\.\.\.: expected .* in small letters' "$sapwood" shards ls "HTTP://u:SECRET@h/e.tar?sig=SECRET"
echo "HTTP://u:SECRET@h/e.tar?sig=SECRET" >"$folder/capitals.txt"
hidden 2 'capitals.txt:1: HTTP\.\.\.: expected' "$sapwood" shards check "$folder/capitals.txt"
hidden 2 "http://h/e.tar?\.\.\.: .*unknown key; did you mean 'shards'?" "$sapwood" train "$recipe" \
    --run "$run" --set "stages.0.sources.0.shard=http://h/e.tar?sig=SECRET"
hidden 2 'http://h/e.tar?\.\.\.: .*expected a number' "$sapwood" train "$recipe" --run "$run" \
    --set "stages.0.steps=http://h/e.tar?sig=SECRET"
hidden 2 "unexpected word 'http://h/e.tar?\.\.\.'" "$sapwood" train "$recipe" "http://h/e.tar?sig=SECRET"
rm -rf "$run"

# --- Commands ---

check "unknown command" 2 "unknown command 'trian'; did you mean 'train'?" "$sapwood" trian
check "unknown option" 2 "train: .*--resme.*--resume" "$sapwood" train "$recipe" --resme auto
check "unknown sub-command" 2 'shards' "$sapwood" shards chek
for words in train eval devices bench "bench step" "bench loader" recipe "recipe check" \
    "recipe explain" shards "shards make" "shards index" "shards check" "shards ls" tokenize \
    run "run ls" "run show" "run verify" tokenizer "tokenizer train"; do
    check "$words --help" 0 "^usage: sapwood $words" "$sapwood" $words --help
done
report
