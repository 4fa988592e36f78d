# What the program says of the machine: the list of `devices` with what `auto` takes, on machines with
# no driver, a GPU (Mesa's, which is not there and cannot compute) and software devices; and the
# numbers of `bench step` against those counted by hand and the time that the command took.
. tests/checks.sh

# --- devices ---

cpu='^cpu   this processor, OpenBLAS with [A-Za-z0-9_]* kernels, '
if "$sapwood" devices 2>&1 | grep -q 'without Vulkan'; then
    check "built without Vulkan" 0 '^auto takes cpu$' "$sapwood" devices
else
    # listed ICDS PATTERN...: lines that are there, whatever is between them
    listed() {
        drivers=$1
        shift
        for pattern in "$cpu" "$@"; do
            check "devices of $drivers" 0 "$pattern" env RADV_FORCE_FAMILY=navi21 VK_ICD_FILENAMES="$drivers" \
                "$sapwood" devices
        done
        [ "$(printf '%s\n' "$output" | grep -c '^auto takes ')" = 1 ] && good || bad "$drivers: one choice, found $output"
    }
    listed /none '^Vulkan: no driver can be used' '^auto takes cpu$'
    software=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json 2>/dev/null | head -n 1)
    gpu=$(ls /usr/share/vulkan/icd.d/radeon_icd*.json 2>/dev/null | head -n 1)
    # Mesa 26.2 and later cannot show a GPU that is not there.
    RADV_FORCE_FAMILY=navi21 VK_ICD_FILENAMES=$gpu "$sapwood" devices | grep -q '^0  *Null hardware' || gpu=
    [ "$software" ] || left_out llvmpipe
    [ "$gpu" ] || left_out "a GPU that Mesa pretends"
    number='[1-9][0-9]*'
    if [ "$software" ]; then
        listed "$software" '^0     llvmpipe' '^      driver          llvmpipe Mesa [0-9]' \
            "^      memory          [0-9]*[.][0-9] GiB$" "^      largest view    $number MiB$" \
            "^      shared memory   $number KiB$" "^      threads         $number per group, $number per subgroup$" \
            '^      usable          software: used only when named$' \
            '^auto takes cpu: there is no GPU with a Vulkan driver; a software device is many times slower'
    fi
    if [ "$gpu" ]; then # 64 KiB and 64 threads are in the manual of the chip; a group is 1024 threads at most
        listed "$gpu" '^0     Null hardware (RADV NAVI21)$' '^      driver          radv Mesa [0-9]' \
            '^      shared memory   64 KiB$' '^      threads         1024 per group, 64 per subgroup$' \
            '^      usable          meets every limit$' \
            '^auto takes 0, Null hardware (RADV NAVI21): a GPU that meets every limit$'
    fi
    if [ "$gpu" ] && [ "$software" ]; then # one GPU, before or after a software device
        listed "$gpu:$software" '^auto takes [01], Null hardware (RADV NAVI21): a GPU that meets every limit$' \
            '^1 ' '^      usable          software: used only when named$'
    fi
fi

# --- bench step ---

cat >"$folder/architecture.json" <<'END'
{"embed_dim": 64,
 "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 256, "layers": 4, "head_width": 64},
 "text_cfg": {"context_length": 24, "vocab_size": 512, "width": 256, "heads": 4, "layers": 4}}
END
# By hand: a block has 12 x 256 x 256 + 13 x 256 weights; patches 768 x 256, class, 17 positions, norms;
# 512 tokens, 24 positions, norm; projections 256 x 64; scale. In memory: weights, their gradient, two
# moments; a block with the gradients of the larger tower, that of pictures, for each of its two slices, for
# the sum of the other tower and for each further thread, but no more than there are slices.
weights=$((8 * (12 * 256 * 256 + 13 * 256) + 768 * 256 + 256 + 17 * 256 + 4 * 256 + (512 + 24 + 2) * 256 + 2 * 256 * 64 + 1))
picture=$((4 * (12 * 256 * 256 + 13 * 256) + 768 * 256 + 256 + 17 * 256 + 4 * 256 + 256 * 64))
blocks=$(($(nproc) > 1 ? 4 : 3))
fixed=$(((4 * weights + blocks * picture) * 4))
# FLOPs of the matrix products as in test_recipe.sh: 17 and 24 tokens, all weights trained
attention=$((4 * 4 * 256 * (17 * 17 + 24 * 25 / 2))) patches=$((2 * 16 * 768 * 256))
forward=$(((17 + 24) * 4 * 2 * 12 * 256 * 256 + attention + patches + 2 * 2 * 256 * 64))
flops=$((forward + 2 * (forward - attention) + attention * 5 / 2 - patches))

# measured WHAT FILE SECONDS: the numbers of a file "best median GFLOP planned peak", of 20 steps of 4 pairs
measured() {
    awk -v flops="$flops" -v fixed="$fixed" -v seconds="$3" '{
        n = 20 * 4 / $2
        if (!($1 >= $2 && $2 > 0)) print "best", $1, "median", $2
        if (!(n < 1.5 * seconds && n > seconds / 20)) print "steps of", n, "s in", seconds, "s"
        if (!($3 > flops * 1e-9 - 0.0005 && $3 < flops * 1.03e-9)) print $3, "GFLOP; expected from", flops
        if (!($4 * 1048576 > fixed - 524288 && $4 * 1048576 < fixed * 1.1)) print $4, "MiB; expected from", fixed / 1048576
        if (!($5 > $4 / 2)) print $5, "MiB at the peak of", $4
        rows++ }
        END { if (rows != 1) print rows + 0, "lines of numbers" }' "$2" >"$folder/wrong"
    [ -s "$folder/wrong" ] && bad "$1: $(cat "$folder/wrong" "$2")" || good
}
bench() {
    begin=$(date +%s%N)
    "$sapwood" bench step --arch "$folder/architecture.json" --batch 4 --rank 4 --caption-tokens 24 --all --steps 20 \
        "$@" >"$folder/said" 2>&1 || bad "bench step $*: $(cat "$folder/said")"
    seconds=$(awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { print ns / 1e9 }')
}
bench
check "what is measured" 0 "^$folder/architecture.json, batch 4 in slices of 2, rank 4, captions of 24 tokens, fp32, $(nproc) threads, cpu$" \
    cat "$folder/said"
sed -n '2{N; s|^\([0-9.]*\) pairs/s best, \([0-9.]*\) median, \([0-9.]*\) GFLOP per pair\n\([0-9]*\) MiB planned, \([0-9]*\) MiB peak$|\1 \2 \3 \4 \5|p}' \
    "$folder/said" >"$folder/numbers"
measured "bench step" "$folder/numbers" "$seconds"
bench --json
check "JSON" 0 "^{\"arch\": \"$folder/architecture.json\", \"precision\": \"fp32\", \"device\": \"cpu\", \"batch\": 4, \"slice\": 2, \"rank\": 4, \"caption_tokens\": 24, \"threads\": $(nproc), \"pairs" \
    cat "$folder/said"
sed -n 's/.*"pairs_per_s_best": \([0-9.]*\), "pairs_per_s_median": \([0-9.]*\), "gflops_per_pair": \([0-9.]*\), "planned_mib": \([0-9.]*\), "peak_mib": \([0-9]*\)}$/\1 \2 \3 \4 \5/p' \
    "$folder/said" >"$folder/numbers"
measured "bench step --json" "$folder/numbers" "$seconds"
# --ops, --json: 8 blocks of 4 products, patches and 2 projections for 2 slices a step; the ops of towers and
# loss do the FLOPs that the step is said to do; no op takes longer than the step on all threads.
bench --ops --json
sed -n 's/.*"gflops_per_pair": \([0-9.]*\).*"steps_timed": \([0-9]*\), "step_ms": \([0-9.]*\), "ops": \[\(.*\)\]}$/\1 \2 \3\n\4/p' \
    "$folder/said" | sed 's/}, {/}\n{/g; s/[{}",]//g' >"$folder/ops"
awk -v threads="$(nproc)" 'NR == 1 { expected = $1 * 4 * $2; steps = $2; wall = $2 * $3; next }
    { calls[$2 " " $4] = $6; ms += $8; share += $10; if (last && $8 > last) print "not the longest first"; last = $8
      if ($2 !~ /^(add_block|gradient_norm|adamw|clamp)$/) gflop += $12 * $8 / 1e3 }
    END { if (steps != 19) print steps, "steps"
          if (calls["linear forward"] != 19 * 2 * (8 * 4 + 1 + 2)) print calls["linear forward"], "products"
          if (calls["attention backward"] != 19 * 2 * 8) print calls["attention backward"], "attentions"
          if (calls["adamw forward"] < 19) print calls["adamw forward"], "updates"
          if (!(share > 0.999 && share < 1.001)) print "shares add up to", share
          if (!(gflop > expected * 0.999 && gflop < expected * 1.001)) print gflop, "GFLOP, expected", expected
          if (!(ms <= wall * threads && ms > wall / 5)) print ms, "ms of", wall, "on", threads, "threads" }' \
    "$folder/ops" >"$folder/wrong"
[ -s "$folder/wrong" ] && bad "bench step --ops --json: $(cat "$folder/wrong" "$folder/said")" || good
bench --ops
check "a table of ops" 0 '^linear  *forward  *1330  *[0-9.]*  *[0-9.]*%  *[0-9.]*  *[0-9.]*$' cat "$folder/said"
check "its head" 0 '^19 steps of [0-9.]* ms; the ops of all of them' cat "$folder/said"
check "slices of train, whatever the threads" 0 '^tiny, batch 16 in slices of 4, .* 3 threads' \
    "$sapwood" bench step --threads 3 --steps 1
check "slices of an odd batch" 0 "^tiny, batch 7 in slices of 1, rank 16, captions of 16 tokens, fp32, $(nproc) threads, cpu\$" \
    "$sapwood" bench step --batch 7 --steps 1
check "long captions" 2 'caption-tokens 25; expected at most 24' \
    "$sapwood" bench step --arch "$folder/architecture.json" --caption-tokens 25
check "slice" 2 '7 samples .*multiple of the slice of 2' "$sapwood" bench step --batch 7 --slice 2
report
