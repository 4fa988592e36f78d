# Models that are not CLIP from a recipe: an image-only transformer under glare alone, and a small
# SigLIP under its loss. Both train, are saved, and go on from a checkpoint with the same bytes; what
# does not fit is said.
. tests/e2e/tiny.sh
cp tests/fixtures/spiece.model "$folder/tests/fixtures"
vit='"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 16, "mlp_ratio": 2,
    "no_ln_pre": true, "patch_bias": true, "proj_type": "none"'
cat >"$folder/recipes/image.json" <<END
{"embed_dim": 32, "norm_eps": 1e-6,
 "vision_cfg": {$vit, "ls_init_value": 0.1, "reg_tokens": 2}}
END
cat >"$folder/recipes/siglip.json" <<END
{"embed_dim": 32, "norm_eps": 1e-6, "gelu_tanh": true, "init_logit_scale": 2.3, "init_logit_bias": -3,
 "vision_cfg": {$vit, "class_token": false, "pool_type": "map"},
 "text_cfg": {"context_length": 16, "vocab_size": 256, "width": 32, "heads": 2, "layers": 2,
              "no_causal_mask": true, "pool_type": "last", "proj_bias": true}}
END
cat >"$folder/recipes/picture_run.json" <<END
{"name": "pictures", "device": "cpu",
 "model": {"architecture": "image.json", "lora": {"rank": 4}},
 "data": {"slice": 8, "view": {"n": 8, "augment": {"crop_area_min": 0.4, "flip": 0.5}}},
 "losses": [{"type": "glare", "hidden": 32, "bottleneck": 16, "prototypes": 32, "patches": 4}],
 "optimizer": {"lr": 1e-3}, "checkpoint": {"every": 4},
 "stages": [{"name": "emoji", "steps": 6,
             "sources": [{"name": "emoji", "shards": "../tests/fixtures/emoji-train.tar"}]},
            {"name": "fashion", "steps": 6,
             "sources": [{"name": "fashion", "shards": "../tests/fixtures/fashion-train.tar"}]}]}
END
cat >"$folder/recipes/siglip_run.json" <<END
{"name": "siglip", "device": "cpu",
 "model": {"architecture": "siglip.json", "vocabulary": "../tests/fixtures/spiece.model",
           "train": "all"},
 "data": {"slice": 8, "update": {"batch_size": 16}},
 "losses": [{"type": "siglip"}],
 "optimizer": {"lr": 1e-3}, "checkpoint": {"every": 4},
 "stages": [{"name": "emoji", "steps": 12,
             "sources": [{"name": "emoji", "shards": "../tests/fixtures/emoji-train.tar"}]}],
 "evaluation": {"sets": [{"name": "emoji", "shards": "../tests/fixtures/emoji-test.tar"}]}}
END

# train RECIPE RUN OPTION...
train() {
    from=$folder/recipes/$1.json
    run=$folder/$2
    shift 2
    "$sapwood" train "$from" --run "$run" "$@" >"$run.said" 2>&1
}

# goes_on NAME: the run of NAME_run again from its checkpoint at step 8 gives the same bytes
goes_on() {
    train "$1_run" "$1" || bad "$1: $(cat "$folder/$1.said")"
    cp -r "$folder/$1" "$folder/$1_again"
    rm -r "$folder/$1_again/weights" "$folder/$1_again/checkpoints/step_00000012"
    train "$1_run" "$1_again" || bad "$1 again: $(cat "$folder/$1_again.said")"
    grep -q 'resumed at step 8' "$folder/$1_again.said" && good || bad "$1 did not resume"
    for file in metrics.jsonl checkpoints/step_00000012/model.safetensors \
        checkpoints/step_00000012/state.safetensors; do
        cmp -s "$folder/$1/$file" "$folder/$1_again/$file" && good || bad "$1: $file differs"
    done
    [ "$(wc -l <"$folder/$1/metrics.jsonl")" = 12 ] && good || bad "$1: expected 12 lines of metrics"
}

# refused WORDS RECIPE OPTION...: the run fails as a wrong recipe does and says the words
refused() {
    words=$1 from=$folder/recipes/$2.json
    shift 2
    check "$from $*" 2 "$words" "$sapwood" train "$from" --run "$folder/refused" "$@"
}

goes_on picture
grep -q glare_global "$folder/picture/metrics.jsonl" && good || bad "no glare in the metrics"
grep -q logit_scale "$folder/picture/metrics.jsonl" && bad "a logit scale without texts" || good

if train siglip_run probe --set stages.0.steps=1; then
    goes_on siglip
    # The loss of the first step is that of a model that knows nothing, and learning lowers it.
    loss() { sed -n "$1s/.*\"siglip\": *\\([0-9.e+-]*\\).*/\\1/p" "$folder/siglip/metrics.jsonl"; }
    first=$(loss 1) last=$(loss 12)
    awk -v a="$first" -v b="$last" 'BEGIN { exit !(a > 0 && b > 0 && b < a) }' && good ||
        bad "siglip: loss from $first to $last; expected it to fall"
    [ -s "$folder/siglip/evaluation.jsonl" ] && good || bad "siglip: no evaluation"
    refused 'glare reads the class token, which architecture siglip does not have' siglip_run \
        --set 'losses=[{"type": "glare", "patches": 4}]' --set 'data.view={"n": 8}'
    # LoRA in the same layers, over the weights just trained; scale and bias too.
    train siglip_run lora --set model.train=adapters --set 'model.lora={"rank": 2}' \
        --set model.train_logit_scale=true --set stages.0.steps=2 \
        --set model.weights="$folder/siglip/weights/model.safetensors" &&
        good || bad "siglip with LoRA: $(cat "$folder/lora.said")"
    names=$(strings "$folder/lora/weights/adapters.safetensors" | head -n 1)
    for name in logit_scale logit_bias visual.transformer.resblocks.1.mlp.c_fc.lora_a \
        transformer.resblocks.0.attn.in_proj.lora_b; do
        case $names in *"\"$name\""*) good ;; *) bad "siglip with LoRA: no $name" ;; esac
    done
    # A scale above 100, as pretrained SigLIP has, stays there.
    sed 's/"init_logit_scale": 2.3/"init_logit_scale": 4.8/' "$folder/recipes/siglip.json" \
        >"$folder/recipes/steep.json"
    train siglip_run steep --set model.architecture=steep.json --set stages.0.steps=2
    scale=$(sed -n '2s/.*"logit_scale": *\([0-9.]*\).*/\1/p' "$folder/steep/metrics.jsonl")
    awk -v scale="$scale" 'BEGIN { exit !(scale > 110) }' && good ||
        bad "siglip: scale $scale after an update; expected about 121"
elif grep -q 'libsentencepiece-dev' "$folder/probe.said"; then
    good # built without the library, and it says so
else
    bad "siglip: $(cat "$folder/probe.said")"
fi

pairs='{"batch_size": 8, "sources": [{"name": "emoji", "shards": "../tests/fixtures/emoji-train.tar"}]}'
refused 'update texts: architecture image has no text tower' picture_run \
    --set 'losses=[{"type": "clip"}]' --set "data.update=$pairs"
refused 'clip.*update' picture_run --set 'losses=[{"type": "clip"}]'
refused 'architecture image has no text tower; expected no vocabulary' picture_run \
    --set model.vocabulary=../tests/fixtures/vocabulary.txt
refused 'vocabulary is missing' siglip_run --set model.vocabulary=
refused 'vocabulary.txt has 700 entries; expected 256' siglip_run \
    --set model.vocabulary=../tests/fixtures/vocabulary.txt
refused 'siglip learns a bias' tiny --set 'losses=[{"type": "siglip"}]'
refused 'stages\[0\]: no sources here and none in data.view' picture_run \
    --set 'stages=[{"name": "a", "steps": 1}]'
refused 'no text tower' picture_run \
    --set 'evaluation.sets=[{"name": "emoji", "shards": "../tests/fixtures/emoji-test.tar"}]'
report
