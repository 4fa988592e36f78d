# Options as they show in a run: learning rates against the formula, what the definition of AdamW says
# of logit_scale and of the weights' norm, how pictures with alpha and JPEGs are read. Expected values
# come from awk.
. tests/e2e/tiny.sh

# train RUN OPTION...: two stages of 12 steps of the clip loss with the rank-4 LoRA
train() {
    run=$folder/$1
    shift
    "$sapwood" train "$recipe" --run "$run" --quiet --set 'losses=[{"type":"clip"}]' \
        --set stages.0.steps=12 --set stages.1.steps=12 --set model.uniadapter=null \
        --set evaluation.sets=[] --set checkpoint.every=0 "$@" >"$run.said" 2>&1 ||
        bad "$run: $(cat "$run.said")"
}

# holds WHAT PROGRAM RUN: an awk program over the metrics, with value(name) of a line, ends with 0
holds() {
    awk 'function value(name,    at) {
            at = index($0, "\"" name "\": ")
            return at ? substr($0, at + length(name) + 4) + 0 : "missing"
        }
        function size(x) { return x < 0 ? -x : x }
        '"$2" "$folder/$3/metrics.jsonl" >"$folder/found" && good ||
        bad "$1: $(cat "$folder/found")"
}

# differ WHAT RUN RUN: not the same loss curve
differ() {
    cmp -s "$folder/$2/metrics.jsonl" "$folder/$3/metrics.jsonl" &&
        bad "$1: expected another curve" || good
}

# --- Learning rate: warm-up over 5 of 12 steps, half a cosine to a tenth, another peak in stage 2 ---

train plain --set optimizer.lr_floor=0.1 --set stages.1.lr=4e-4
holds "learning rate" '{
        n = (NR - 1) % 12
        peak = NR <= 12 ? 1e-3 : 4e-4
        low = peak / 10
        pi = 4 * atan2(1, 1)
        rate = n < 5 ? peak * (n + 1) / 5 : low + (peak - low) / 2 * (1 + cos(pi * (n - 4) / 7))
        if (!(size(value("lr") - rate) <= 1e-9 * peak)) {
            print "step " NR ": expected " rate ", found " value("lr")
            wrong = 1
        }
    }
    END { exit !(NR == 24 && !wrong) }' plain

# --- Moments: the first step of fresh moments moves logit_scale by the rate, whatever the gradient.
# 2e-4 and 8e-5 in numbers near 2.7 (unit 2.4e-7), less eps over the gradient: 1% ---

moved='{ scale[NR] = log(value("logit_scale")); rate[NR] = value("lr") }
    END {
        for (i = 1; i <= 13; i += 12) {
            share = size(scale[i + 1] - scale[i]) / rate[i]
            print "step " i ": moved by " share " of the rate"
            near[i] = size(share - 1) <= 0.01
        }
        exit !'
holds "fresh moments" "$moved(near[1] && near[13]) }" plain
train kept --set optimizer.lr_floor=0.1 --set stages.1.lr=4e-4 --set optimizer.reset_on_stage=false
holds "kept moments" "$moved(near[1] && !near[13]) }" kept

# --- A gradient clipped to 1e-9, far below eps = 1e-6, moves nothing; 0 does not clip at all ---

still='{ scale = log(value("logit_scale")) }
    NR > 1 { moved += size(scale - before) / 1e-3 }
    { before = scale }
    END { print "moved by " moved " peak rates in 23 steps"; exit !'
train clipped --set optimizer.grad_clip_norm=1e-9
holds "clipped" "$still(moved < 0.1) }" clipped
train loose --set optimizer.grad_clip_norm=1e9
train off --set optimizer.grad_clip_norm=0
train tight --set optimizer.grad_clip_norm=0.1
holds "loose" "$still(moved > 5) }" loose
differ "tight" tight loose
cmp -s "$folder/off/metrics.jsonl" "$folder/loose/metrics.jsonl" && good ||
    bad "grad_clip_norm 0: expected the curve of a norm that is never reached"

# --- Decay: with gradients that move nothing each step multiplies the weights by 1 - lr wd ---

# norm RUN: of the trained weights; the file is 8 bytes of header length, header, numbers
norm() {
    file=$folder/$1/weights/adapters.safetensors
    header=$(od -An -t u8 -N 8 "$file" | tr -d ' ')
    od -An -v -t f4 -j $((header + 8)) "$file" |
        awk '{ for (i = 1; i <= NF; i++) sum += $i * $i } END { printf "%.9g\n", sqrt(sum) }'
}
for wd in 0 0.5; do
    train decay$wd --set optimizer.wd=$wd --set optimizer.lr=0.02 \
        --set optimizer.grad_clip_norm=1e-12 --set model.train_logit_scale=false
done
# rounding of 24 multiplications: 1e-6; measured as a share of the decay of about 12%
holds "decay" '{ factor *= 1 - 0.5 * value("lr") }
    BEGIN { factor = 1 }
    END {
        found = '"$(norm decay0.5) / $(norm decay0)"'
        print "expected a norm of " factor ", found " found
        exit !(factor < 0.95 && size(found - factor) <= 1e-5)
    }' decay0.5

# --- The logit scale stays in [1, 100]. A start beyond a limit is at the limit after one step of 1e-3.
# The first step of AdamW moves the logarithm by the rate, whatever the gradient: a rate of 10 leads
# to a limit. Which limit later steps reach depends on the last bits of the products, so on the CPU.
# fp32 has log(100) to 2.4e-7, and so 100 to 2.4e-5 ---

# starts WHAT LOGARITHM FIRST SECOND: the first two lines of a run from this logit scale
starts() {
    sed 's/^{/{"init_logit_scale": '"$2"',/' "$folder/recipes/tiny-architecture.json" \
        >"$folder/recipes/scale.json"
    train "$1" --set model.train_logit_scale=true --set model.architecture="$folder/recipes/scale.json"
    holds "logit scale, $1" 'NR <= 2 { scale[NR] = value("logit_scale") }
        END {
            print "expected '"$3, $4"', found " scale[1] ", " scale[2]
            exit !(size(scale[1] - '"$3"') <= 1e-4 && size(scale[2] - '"$4"') <= 1e-4)
        }' "$1"
}
starts low -0.5 0.606531 1
starts high 4.8 121.510418 100
train steep --set model.train_logit_scale=true --set optimizer.lr=10 --set optimizer.warmup=0
holds "logit scale, large steps" '{
        scale = value("logit_scale")
        is_limit = scale == 1 || size(scale - 100) <= 1e-4
        if (!(scale >= 1 && scale <= 100.0001) || (NR == 2 && !is_limit)) {
            print "line " NR ": expected 1 to 100, at line 2 a limit; found " scale
            wrong = 1
        }
    }
    END { exit !(NR == 24 && !wrong) }' steep

# --- The logit scale is trained or not as the recipe says, whatever else is trained ---

all='--set model.train="all" --set model.lora=null --set model.uniadapter=null'
given=$recipe recipe=$folder/recipes/not_given.json
grep -v train_logit_scale "$given" >"$recipe"
train scale_default $all
train scale_none
recipe=$given
train scale_held $all --set model.train_logit_scale=false
train scale_trained $all --set model.train_logit_scale=true
moved='{ scale = value("logit_scale"); if (NR == 1) first = scale; if (scale != first) moved = 1 }
    END { print "logit_scale from " first " to " scale; exit'
holds "all weights, logit scale not given" "$moved !moved }" scale_default
holds "all weights, logit scale held" "$moved moved != 0 }" scale_held
holds "adapters, logit scale not given" "$moved moved != 0 }" scale_none
cmp "$folder/scale_default/metrics.jsonl" "$folder/scale_trained/metrics.jsonl" && good ||
    bad "train_logit_scale: all weights are trained with it unless the recipe says otherwise"

# --- Accumulation: 2 times 8 samples are 16 samples, to the last bit ---

train sixteen --set data.update.batch_size=16
train twice --set data.update.batch_size=8 --set optimizer.accum_freq=2
train eight --set data.update.batch_size=8
cmp "$folder/sixteen/metrics.jsonl" "$folder/twice/metrics.jsonl" && good ||
    bad "accum_freq: another curve"
cmp "$folder/sixteen/weights/adapters.safetensors" "$folder/twice/weights/adapters.safetensors" &&
    good || bad "accum_freq: other weights"
differ "batch_size" eight sixteen

# --- Epochs: 1.5 x 32 samples in steps of 16; 1.5 x 20, of which 12 a step are new beside the buffer ---

train counted --set stages.0.steps=3 --set stages.1.steps=3
train epochs --set stages.0.steps=0 --set stages.0.epochs=1.5 --set stages.1.steps=0 --set stages.1.epochs=1.5
for file in metrics.jsonl checkpoints/step_00000006/state.safetensors; do
    cmp "$folder/counted/$file" "$folder/epochs/$file" && good || bad "epochs: another $file"
done
for given in "--set stages.1.steps=0 --set stages.1.epochs=1.3" "--set stages.1.steps=3"; do # 3 steps, too
    train epochs --set stages.0.steps=0 --set stages.0.epochs=1.5 $given
    cmp "$folder/counted/metrics.jsonl" "$folder/epochs/metrics.jsonl" && good || bad "epochs, $given"
done
check "another number of epochs" 4 'recipe changed: stages\[0\].steps; expected 3, found 4' \
    "$sapwood" train "$folder/epochs/recipe.resolved.json" --run "$folder/epochs" --quiet \
    --set stages.0.steps=0 --set stages.0.epochs=1.6
check "epochs, planned" 0 'emoji: 4 steps x 16 pairs, 2.00 passes over emoji' "$sapwood" train "$recipe" \
    --dry-run --set stages.0.steps=0 --set stages.0.epochs=1.6
check "epochs, checked" 0 'well-formed; epochs in 2 stages' "$sapwood" recipe check "$recipe" \
    --set stages.0.steps=0 --set stages.0.epochs=2

# --- Alpha: what is read differs in training and in evaluation ---

mkdir "$folder/alpha"
for name in alpha palette_alpha grey_alpha color_key palette_key deep_alpha deep_grey grey_key; do
    cp "tests/fixtures/images/$name.png" "$folder/alpha/"
    echo "a $name" >"$folder/alpha/$name.txt"
done
"$sapwood" shards make "$folder/alpha" "$folder/alpha-shards" >"$folder/made" 2>&1 ||
    bad "shards make: $(cat "$folder/made")"
source='[{"name":"alpha","shards":"'$folder/alpha-shards/000000.tar'"}]'
for rule in pillow shown; do
    train $rule --set data.to_rgb=$rule --set data.update.sources="$source" \
        --set evaluation.sets="$source" --set stages.1.sources=[] \
        --set data.update.augment.flip=0 --set data.update.batch_size=8
done
differ "to_rgb" pillow shown
for rule in pillow shown; do # before the first step, with the same weights
    sed -n '1p' "$folder/$rule/evaluation.jsonl" >"$folder/$rule/first"
done
cmp -s "$folder/pillow/first" "$folder/shown/first" &&
    bad "to_rgb: expected another evaluation" || good
# A colour behind them: white is what "shown" does, but for grey of 16 bits; black is another.
plain=$folder/alpha-plain
mkdir "$plain" && cp "$folder/alpha"/* "$plain" && rm "$plain"/deep_grey.*
"$sapwood" shards make "$plain" "$folder/alpha-plain.tar" >"$folder/made" 2>&1 || bad "shards make: $(cat "$folder/made")"
source='[{"name":"alpha","shards":"'$folder/alpha-plain.tar'"}]'
on() {
    name=$1
    shift
    train $name "$@" --set data.update.sources="$source" --set evaluation.sets="$source" \
        --set stages.1.sources=[] --set data.update.augment.flip=0 --set data.update.batch_size=8
}
on on-paper --set data.to_rgb=shown
on on-white --set data.background=white
on on-black --set data.background='"#000000"'
cmp -s "$folder/on-paper/metrics.jsonl" "$folder/on-white/metrics.jsonl" && good || bad "background white: expected what shown gives"
differ "background" on-white on-black
check "a colour nobody has" 2 'data.background is "whit"; expected white, black, grey or #RRGGBB' \
    "$sapwood" recipe check "$recipe" --set data.background=whit
plan() { "$sapwood" train "$recipe" --run "$folder/plan" --dry-run --set data.update.sources="$source" --set stages.1.sources=[] "$@"; }
check "alpha, left out" 0 'WARNING | source alpha: 7 of 7 pictures looked at have alpha: it is left out, as Pillow' plan
check "alpha, on a colour" 0 'INFO | source alpha: 7 of 7 .* alpha: it is put on the colour #808080$' plan --set data.background=grey
check "alpha, shown" 0 'INFO | source alpha: 7 of 7 .* alpha: it is put on white$' plan --set data.to_rgb=shown
check "alpha, in training" 0 'WARNING | source alpha: 7 of 8 pictures looked at have alpha' cat "$folder/pillow/log.txt"
check "alpha, counted" 0 '^7 of 7 pictures have alpha: .*left out, as Pillow does it, .*"background": "white"' \
    "$sapwood" shards check "$folder/alpha-plain.tar"

# --- JPEGs at a smaller scale: training sees other pixels, evaluation the same ---

mkdir "$folder/large"
for name in 420 422 444 progressive; do
    for copy in a b; do
        cp "tests/fixtures/images/large_$name.jpg" "$folder/large/$copy$name.jpg"
        echo "a $copy $name" >"$folder/large/$copy$name.txt"
    done
done
"$sapwood" shards make "$folder/large" "$folder/large-shards" >"$folder/made" 2>&1 ||
    bad "shards make: $(cat "$folder/made")"
source='[{"name":"large","shards":"'$folder/large-shards/000000.tar'"}]'
for gap in 0 1 2; do
    train gap$gap --set data.jpeg_reducing_gap=$gap --set data.update.sources="$source" \
        --set evaluation.sets="$source" --set stages.1.sources=[] --set data.update.batch_size=8
    sed -n '1p' "$folder/gap$gap/evaluation.jsonl" >"$folder/gap$gap/first"
done
differ "jpeg_reducing_gap" gap0 gap1
differ "jpeg_reducing_gap" gap0 gap2
differ "jpeg_reducing_gap" gap1 gap2
[ -s "$folder/gap0/first" ] && cmp -s "$folder/gap0/first" "$folder/gap1/first" && good ||
    bad "jpeg_reducing_gap: expected the same evaluation"
report
