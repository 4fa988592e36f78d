# The schema file for editors is the one the program prints; every shipped recipe is well-formed;
# what `explain` prints is a recipe that explains itself in the same words.
. tests/checks.sh

# holds WHAT COMMAND...
holds() {
    what=$1
    shift
    check "$what" 0 '' "$@"
}

"$sapwood" recipe schema >"$folder/schema.json"
holds "recipes/recipe.schema.json is what 'sapwood recipe schema' prints" \
    cmp recipes/recipe.schema.json "$folder/schema.json"
for recipe in recipes/tiny.json recipes/methods/*.json data/demo/base.json data/demo/plain.json data/demo/kept.json; do
    holds "$recipe is well-formed" "$sapwood" recipe check "$recipe"
done

# Every plug is listed once, under its list, with its source and its fields; one type stands twice in a
# list only under two names.
"$sapwood" recipe methods >"$folder/methods"
for word in $(grep -oE '\bX\([a-z_0-9]+\)' pipeline/continual/plug_list.h | tr -d 'X()'); do
    [ "$(grep -cE "^[a-z.]+: \{\"type\": \"$word\"\}  [a-zA-Z]" "$folder/methods")" = 1 ] && good ||
        bad "recipe methods: $word: $(cat "$folder/methods")"
done
[ "$(grep -c '^    source: .' "$folder/methods")" = "$(grep -c '"type"' "$folder/methods")" ] && good ||
    bad "recipe methods: a source is missing: $(cat "$folder/methods")"
grep -q '^    temperature  *0.01 to 100, default 2: of both softmaxes' "$folder/methods" && good ||
    bad "recipe methods: no field of zscl: $(cat "$folder/methods")"
check "two of one name" 2 'losses\[1\]: clip is there already as losses\[0\]; .*add "name": "clip-2"' \
    "$sapwood" recipe check recipes/tiny.json --set 'losses=[{"type":"clip"},{"type":"clip"}]'
check "two names" 0 '' "$sapwood" recipe check recipes/tiny.json \
    --set 'losses=[{"type":"clip"},{"type":"clip","name":"clip-2"}]'

# slices WHAT PATTERN SETTING...: of the tiny recipe without a slice of its own
sed '/"slice":/d' recipes/tiny.json | sed "s|\"\.\./|\"$PWD/|; s|\"tiny-arch|\"$PWD/recipes/tiny-arch|" >"$folder/no-slice.json"
slices() {
    what=$1 pattern=$2
    shift 2
    check "slice: $what" 0 "^steps .*, in slices of $pattern\$" "$sapwood" recipe explain "$folder/no-slice.json" \
        --set "data.cache=$folder/cache" "$@"
}
alone='--set losses=[{"type":"clip"}] --set data.ref_image=null --set data.ref_text=null --set data.view=null'
slices "a batch of 16" 4 $alone
slices "a batch of 16, other threads" 4 $alone --set threads=7
slices "a batch of 64" 16 $alone --set data.update.batch_size=64
slices "a part that divides by 4 only" 4 --set data.update.batch_size=64 --set data.ref_image.n=12 \
    --set losses='[{"type":"clip"},{"type":"zscl"}]'
slices "accumulation" 8 $alone --set data.update.batch_size=8 --set optimizer.accum_freq=4
slices "the recipe's own" 8 $alone --set data.slice=8
check "slice in the resolved recipe" 0 '^    "slice": 4,$' "$sapwood" recipe explain --json \
    "$folder/no-slice.json" $alone --set "data.cache=$folder/cache"

# In words, and as JSON with every default.
"$sapwood" recipe explain recipes/tiny.json >"$folder/explained" || bad "explain ended with $?"
while read -r line; do
    grep -qxF -- "$line" "$folder/explained" && good || bad "explain: expected the line '$line'"
done <<'END'
trains          LoRA of rank 4 on qkv, out, fc1, fc2; UniAdapter of width 8; towers: image, text; logit scale
losses          clip; zscl (weight 0.5, student_texts true); glare (weight 0.1, hidden 64, bottleneck 16, prototypes 64, patches 4)
rate            0.001, cosine (warmup 5)
optimizer       adamw (wd 0.1)
checkpoints     at the end of each stage and every 10 steps; the newest 3 stay
evaluation      at the start and after each stage, of 2 sets
stage           emoji: 30 steps x 16 pairs, 15.00 passes over emoji (32 samples)
END
holds "explain names the memory" grep -q '^memory .* MiB planned' "$folder/explained"
"$sapwood" recipe explain --json recipes/tiny.json >"$folder/first.json"
"$sapwood" recipe explain --json "$folder/first.json" >"$folder/second.json"
holds "a resolved recipe resolves to itself" cmp "$folder/first.json" "$folder/second.json"

# Its numbers, counted by hand for the tiny architecture: width 32, 4 blocks (2 of each tower), 17 tokens
# of a picture and 24 of a caption, 16 pairs.
#   a block       norms 2 x 64, qkv 32 x 96 + 96, out 32 x 32 + 32, fc1 32 x 128 + 128, fc2 128 x 32 + 32
#   image         patches 32 x 192, class 32, positions 17 x 32, norms 2 x 64, projection 32 x 32
#   text          tokens 700 x 32, positions 24 x 32, norm 64, projection 32 x 32; and the logit scale
block=$((128 + 3168 + 1056 + 4224 + 4128))
base=$((4 * block + 6144 + 32 + 544 + 128 + 1024 + 22400 + 768 + 64 + 1024 + 1))
#   LoRA of rank 4 on all four matrices of a block: 4 x (inputs + outputs)
lora=$((4 * 4 * (128 + 64 + 160 + 160)))
#   UniAdapter of width 8 in each block: norm 64, down 32 x 8 + 8, up 8 x 32 + 32
adapters=$((4 * (64 + 264 + 288)))
#   GLARE's head: 32 x 64 + 64, 64 x 64 + 64, 64 x 16 + 16, prototypes 16 x 64
head=$((2112 + 4160 + 1040 + 1024))
plain='--set losses=[{"type":"clip"}] --set data.ref_image=null --set data.ref_text=null --set data.view=null'
trained() {
    awk -v n="$1" -v all="$2" 'BEGIN { printf "^parameters  *%d, trained %d (%.2f %%)$", all, n, 100 * n / all }'
}
n=$((lora + adapters + head + 1))
check "parameters" 0 "$(trained $n $((base + n - 1)))" "$sapwood" recipe explain recipes/tiny.json
all='--set model.train=all --set model.lora=null --set model.uniadapter=null'
check "all parameters" 0 "$(trained $base $base)" "$sapwood" recipe explain recipes/tiny.json $plain $all
n=$((lora + 1))
check "parameters of LoRA" 0 "$(trained $n $((base + n - 1)))" \
    "$sapwood" recipe explain recipes/tiny.json $plain --set model.uniadapter=null

# FLOPs of the matrix products, 2 for each multiplication; norms, activations and the loss add little.
#   forward: a token in a block 2 x 32 x (96 + 32 + 128 + 128); attention 2 x 2 x 32 for each pair of
#   tokens, of captions those up to the token itself; patches 2 x 16 x 192 x 32; projection 2 x 32 x 32
image=$((2 * 17 * 24576)) image_attention=$((2 * 128 * 17 * 17)) patches=$((2 * 16 * 192 * 32))
text=$((2 * 24 * 24576)) text_attention=$((2 * 128 * 24 * 25 / 2)) projections=$((2 * 2 * 32 * 32))
forward=$((16 * (image + image_attention + patches + text + text_attention + projections)))
attention=$((16 * (image_attention + text_attention)))
#   backward, all weights trained: twice that, of attention 5 products for 2, of patches no pixels
all_backward=$((2 * (forward - attention) + attention * 5 / 2 - 16 * patches))
#   LoRA: two products beside each, 4 ranks; backward without the frozen weights, which is once the
#   frozen products and twice the others, and with nothing below the first qkv
ranks=$((16 * 2 * (17 + 24) * 2 * 4 * (128 + 64 + 160 + 160)))
first_qkv=$((16 * (17 + 24) * 2 * (32 * 96 + 4 * 32)))
lora_backward=$((forward - attention - 16 * patches + attention * 5 / 2 + 2 * ranks - first_qkv))
# flops WHAT EXPECTED OPTION...: what explain says is that and up to 8 % more
flops() {
    what=$1 expected=$2
    shift 2
    found=$("$sapwood" recipe explain recipes/tiny.json $plain "$@" | sed -n 's/^FLOPs  *\([0-9.]*\) GFLOP per step.*/\1/p')
    awk -v found="$found" -v n="$expected" 'BEGIN { n *= 1e-9; exit !(found > n - 0.0005 && found < n * 1.08) }' &&
        good || bad "$what: expected from $expected FLOPs on, found $found GFLOP"
}
flops "FLOPs, all weights" $((forward + all_backward)) $all
flops "FLOPs, LoRA" $((forward + ranks + lora_backward)) --set model.uniadapter=null
flops "FLOPs, half the batch" $(((forward + ranks + lora_backward) / 2)) --set model.uniadapter=null \
    --set data.update.batch_size=8

report
