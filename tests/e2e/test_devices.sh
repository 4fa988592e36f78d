# The loss curve of the tiny recipe, every built plug in it, on software Vulkan devices against the
# CPU: relative difference at most 1e-3 for every loss term at each of 50 steps, stage boundary
# included. Both add the same fp32 numbers in other orders; 1e-6 was measured, and a wrong kernel is
# off by far more than 1e-3 after a few steps. A divergence from the base model starts at 0 and is the
# difference of two logarithms, each rounded to 2e-7, times T^2 = 4: below 0.01 the bound is 1e-5. Then some steps under the validation layer with
# synchronisation validation, which must have nothing to say.
. tests/e2e/tiny.sh
swiftshader=
for icd in /usr/lib/chromium/vk_swiftshader_icd.json /usr/lib/chromium-browser/vk_swiftshader_icd.json; do
    [ -f "$icd" ] && swiftshader=$icd
done
llvmpipe=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json 2>/dev/null | head -n 1)

# train RUN DEVICE STEPS_PER_STAGE OPTION...: half of all samples is enough and twice as quick
train() {
    run=$1 device=$2 steps=$3
    shift 3
    "$sapwood" train "$recipe" --run "$run" --quiet --set "device=\"$device\"" "$@" \
        --set stages.0.steps="$steps" --set stages.1.steps="$steps" --set data.slice=4 \
        --set data.update.batch_size=8 --set data.ref_image.n=4 --set data.ref_text.n=4 \
        --set data.view.n=4 \
        --set evaluation.sets=[] --set checkpoint.every=0 >"$run.said" 2>&1
}

# compare NAME: its metrics against those of the CPU, term by term
compare() {
    paste -d '\n' "$folder/cpu/metrics.jsonl" "$folder/$1/metrics.jsonl" | awk -v name="$1" '
        function read_terms(line, terms,    n, i, field, pair) {
            gsub(/[{}" ]/, "", line)
            n = split(line, field, ",")
            for (i = 1; i <= n; i++) {
                split(field[i], pair, ":")
                if (pair[1] ~ /^(loss|clip|zscl_kl_image|zscl_kl_text|glare_global|glare_local)$/)
                    terms[pair[1]] = pair[2]
            }
        }
        NR % 2 { split("", cpu); read_terms($0, cpu); next }
        {
            split("", device); read_terms($0, device)
            n_terms = 0
            for (term in cpu) {
                n_terms++
                size = cpu[term] < 0 ? -cpu[term] : cpu[term]
                difference = (device[term] - cpu[term]) / (term ~ /_kl_/ && size < 0.01 ? 0.01 : size)
                if (difference < 0) difference = -difference
                if (!(term in device) || !(difference <= 1e-3)) {
                    printf "%s: step %d: %s: expected %s, found %s\n", name, NR / 2, term,
                        cpu[term], device[term]
                    wrong++
                }
                if (difference > largest) { largest = difference; where = term " of step " NR / 2 }
            }
            if (n_terms != 6) { printf "%s: %d terms; expected 6\n", name, n_terms; wrong++ }
            steps++
        }
        END {
            printf "%s: %d steps, largest relative difference %.1e (%s)\n", name, steps, largest, where
            exit !(steps == 50 && wrong == 0)
        }' && good || bad "$1: is not the curve of the CPU"
}

# on_device NAME ICD
on_device() {
    VK_ICD_FILENAMES=$2 train "$folder/$1" "$1" 25
    code=$?
    [ $code = 0 ] && good || bad "$1: expected 0, found $code: $(cat "$folder/$1.said")"
    compare "$1"
}

# kept NAME ICD: after a run its pipelines are in the user's folder for caches; a cut file is put aside,
# that is said, and the run goes on; with pipeline_cache=false nothing is kept
kept() {
    kept=$XDG_CACHE_HOME/sapwood/pipelines
    file=$(ls "$kept"/*.pipelines)
    [ -f "$file" ] && good || bad "$1: expected one file in $kept, found $(ls "$kept")"
    head -c 40 "$file" >"$folder/cut" && cp "$folder/cut" "$file"
    VK_ICD_FILENAMES=$2 train "$folder/$1.cut" "$1" 1 || bad "$1: $(cat "$folder/$1.cut.said")"
    grep -q "WARNING | $file: cut; put aside as ${file##*/}.bad, and pipelines are compiled again" \
        "$folder/$1.cut.said" && good || bad "$1: a cut file: $(cat "$folder/$1.cut.said")"
    cmp -s "$file.bad" "$folder/cut" && [ "$(wc -c <"$file")" -gt 40 ] && good || bad "$1: $(ls -l "$kept")"
    rm -r "$kept"
    VK_ICD_FILENAMES=$2 train "$folder/$1.none" "$1" 1 --set pipeline_cache=false && [ ! -e "$kept" ] &&
        good || bad "$1: pipeline_cache=false: $(ls "$kept"; cat "$folder/$1.none.said")"
}

# validated NAME ICD: the layer is switched on from outside and writes to a file; it leaks memory of
# its own
validated() {
    printf 'khronos_validation.%s\n' \
        'enables = VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT' \
        'debug_action = VK_DBG_LAYER_ACTION_LOG_MSG' 'report_flags = error,warn,perf,info' \
        "log_filename = $folder/$1.messages" >"$folder/vk_layer_settings.txt"
    VK_ICD_FILENAMES=$2 VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation \
        VK_LAYER_SETTINGS_PATH=$folder ASAN_OPTIONS=detect_leaks=0 train "$folder/$1.valid" "$1" 1
    code=$?
    [ $code = 0 ] && good || bad "$1 validated: expected 0, found $code: $(cat "$folder/$1.valid.said")"
    if grep -q 'Current Enables.*SYNCHRONIZATION_VALIDATION' "$folder/$1.messages" 2>/dev/null; then
        good
    else
        bad "$1: the validation layer was not there: $(head -c 600 "$folder/$1.messages")"
    fi
    if grep -E 'Validation (Error|Warning|Performance)|SYNC-HAZARD' "$folder/$1.messages"; then
        bad "$1: validation messages"
    else
        good
    fi
}

if [ -z "$llvmpipe$swiftshader" ] || "$sapwood" devices 2>&1 | grep -q 'without Vulkan'; then
    echo "no software Vulkan device; skipped"
    exit 77
fi
train "$folder/cpu" cpu 25 || bad "cpu: $(cat "$folder/cpu.said")"
layer=$(ls /usr/share/vulkan/explicit_layer.d/*hronos_validation.json 2>/dev/null | head -n 1)
[ -n "$layer" ] || left_out "the validation layer"
for pair in "llvmpipe $llvmpipe" "SwiftShader $swiftshader"; do
    name=${pair%% *} icd=${pair#* }
    [ -n "$icd" ] || { left_out "$name" && continue; }
    on_device "$name" "$icd"
    [ -e "$folder/cut" ] || kept "$name" "$icd"
    [ -z "$layer" ] || validated "$name" "$icd"
done
report
