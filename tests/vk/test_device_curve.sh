# The tiny recipe, all its losses and both stages, on each software device: the numbers of every one
# of 50 steps are those of the CPU within 1e-3. A device that is not installed is left out; without
# any the test is skipped (77).
sapwood=$1
passed=0
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
recipe=recipes/tiny.json

# train DEVICE
train() {
    "$sapwood" train $recipe --run "$folder/$1" --quiet --set "device=$1" \
        --set "data.cache=$folder/cache" --set stages.0.steps=25 --set stages.1.steps=25 \
        --set 'evaluation.sets=[]' --set checkpoint.every=50
}

# numbers DEVICE: step, then every number of the line but the learning rate
numbers() {
    tr -d '{}" ' <"$folder/$1/metrics.jsonl" | tr ',' '\n' |
        awk -F: '$1 == "step" { step = $2 }
                 $1 ~ /^(loss|clip|zscl_|glare_|grad_norm|logit_scale)/ { print step, $1, $2 }'
}

train cpu || exit 1
numbers cpu >"$folder/cpu.txt"
n_numbers=$(wc -l <"$folder/cpu.txt")

# compare DEVICE ICD
compare() {
    [ -f "$2" ] || return 0
    export VK_ICD_FILENAMES="$2"
    if ! train "$1"; then
        failed=$((failed + 1))
        return 0
    fi
    numbers "$1" >"$folder/$1.txt"
    # not (difference <= limit), so that nan fails
    if paste -d ' ' "$folder/cpu.txt" "$folder/$1.txt" | awk -v device="$1" -v n="$n_numbers" '
        function size(x) { return x < 0 ? -x : x }
        {
            difference = size($3 - $6) / (size($3) > 1e-6 ? size($3) : 1e-6)
            if (difference > worst) worst = difference
            if ($1 != $4 || $2 != $5 || $6 !~ /^[-0-9]/ || !(difference <= 1e-3)) {
                print device ", step " $1 ", " $2 ": " $6 ", expected " $3
                bad = 1
            }
        }
        END {
            print device ": worst relative difference " worst + 0 " of " NR " numbers"
            exit bad || NR != n || NR < 50
        }'; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
}

compare llvmpipe /usr/share/vulkan/icd.d/lvp_icd.x86_64.json
for icd in /usr/lib/chromium/vk_swiftshader_icd.json \
    /usr/lib/chromium-browser/vk_swiftshader_icd.json; do
    compare SwiftShader "$icd"
done
if [ $((passed + failed)) = 0 ]; then
    echo "skipped: neither llvmpipe nor SwiftShader is installed"
    exit 77
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
