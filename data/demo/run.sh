#!/bin/sh
# The whole job on real data: sh data/demo/run.sh [--seeds N] [--quick]
#   --seeds N  train everything N times, with seeds 1 to N (default 1)
#   --quick    few steps: shows that everything works, the numbers mean nothing
#
# 1. a base CLIP from scratch on emoji and clip art, train and val: the "pretrained" model
# 2. LoRA adapters on it, first over photographs, then over Fashion-MNIST; once by plain fine-tuning
#    and once with distillation of the base model over a reference set and consistency of views
# 3. a table: what was gained, forgotten and retained
#
# Everything is written to demo-run/; a second call goes on from what is there.
set -eu
cd "$(dirname "$0")/../.."

seeds=1
quick=
while [ $# -gt 0 ]; do
    case $1 in
    --seeds)
        seeds=${2:-}
        case $seeds in
        '' | *[!0-9]* | 0)
            echo "demo: --seeds '$seeds'; expected a number from 1" >&2
            exit 2
            ;;
        esac
        shift 2
        ;;
    --quick)
        quick=yes
        shift
        ;;
    *)
        echo "demo: option '$1'; expected --seeds N or --quick" >&2
        exit 2
        ;;
    esac
done

sh tests/setup.sh build demo
cmake --preset release >/dev/null
cmake --build build-release -j "$(nproc)" --target sapwood
sapwood=$PWD/build-release/sapwood

data=demo-run
/usr/bin/python3 data/demo/prepare.py $data
[ $data/floor.json -nt data/demo/floor.py ] || /usr/bin/python3 data/demo/floor.py $data
if [ ! -s $data/vocabulary.txt ]; then
    "$sapwood" tokenizer train $data/captions.txt --size 2048 --out $data/vocabulary.txt
fi

runs=$data
base_steps=
stage_steps=
if [ -n "$quick" ]; then
    runs=$data/quick
    mkdir -p $runs
    cp $data/floor.json $runs/
    base_steps="--set stages[0].steps=20 --set optimizer.warmup=2"
    stage_steps="--set stages[0].steps=10 --set stages[1].steps=10 --set optimizer.warmup=2"
fi

# train NAME SEED [setting...]: a run that is complete is only noticed, a broken one goes on.
train() {
    name=$1 seed=$2
    shift 2
    echo "== seed $seed: $name"
    "$sapwood" train "data/demo/$name.json" --run "$runs/seed-$seed/$name" --set "seed=$seed" "$@"
}

seed=1
list=
while [ "$seed" -le "$seeds" ]; do
    list="$list $seed"
    train base $seed $base_steps
    weights=$PWD/$runs/seed-$seed/base/weights/model.safetensors
    train plain $seed $stage_steps --set "model.weights=$weights"
    train kept $seed $stage_steps --set "model.weights=$weights"
    seed=$((seed + 1))
done

if [ -n "$quick" ]; then
    /usr/bin/python3 data/demo/table.py $runs $list || true
    echo "  (--quick: the numbers mean nothing)"
else
    /usr/bin/python3 data/demo/table.py $runs $list
fi
