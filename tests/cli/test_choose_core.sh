# The kernels of OpenBLAS: the program starts again with those that the CPU's features allow, with
# others where these are not there or wrong, and leaves alone what the user chose. A preloaded library
# plays an OpenBLAS that does not know this CPU (tests/faults/blas_shim.c).
. tests/e2e/tiny.sh
. tests/faults/shim.sh
unset OPENBLAS_CORETYPE
build_shim blas_shim
flags=$(sed -n '/^flags[[:space:]]*:/{s/$/ /;p;q}' /proc/cpuinfo)
has() { for flag; do case $flags in *" $flag "*) ;; *) return 1 ;; esac; done; }
# What the features allow, best first, by the manuals of the CPUs.
cores=Prescott
has avx && cores="Sandybridge $cores"
has avx avx2 fma bmi2 && cores="Haswell $cores"
has avx2 avx512f avx512dq avx512bw avx512vl avx512cd && cores="SkylakeX $cores"
set -- $cores
library=$(ldd "$sapwood" | awk '/openblas/ { print $3 }')
if [ $# -lt 3 ] || ! grep -q DYNAMIC_ARCH "$library"; then
    echo "skipped: needs a CPU with AVX2, and an OpenBLAS for more than one"
    exit 77
fi
best=$1 second=$2

# shim VALUES... COMMAND...: the command with the preloaded library and variables NAME=VALUE
shim() { env LD_PRELOAD="$folder/blas_shim.so" BLAS_SHIM_LOG="$folder/starts" "$@"; }
# started WHAT CORE...: which cores the program was started with since the last call
started() {
    what=$1
    shift
    [ "$(paste -sd' ' "$folder/starts")" = "$*" ] && good ||
        bad "$what: expected starts with $*, found $(paste -sd' ' "$folder/starts")"
    rm -f "$folder/starts"
}

# --- Chosen by features, once ---

check "unknown CPU" 0 "^cpu   this processor, OpenBLAS with $best kernels, chosen by the CPU's features; its own choice is Prescott\$" \
    shim BLAS_SHIM_CORE=Prescott "$sapwood" devices
started "unknown CPU" none "$best"
printf '%s\n' "$output" | grep -q 'several times slower' && bad "advice: expected none, found $output" || good
printf '%s\n' '{"a": 1}' >"$folder/a file.json"
expected=$("$sapwood" recipe check "$folder/a file.json" --set 'name=b  c' 2>&1)
found=$(shim BLAS_SHIM_CORE=Prescott "$sapwood" recipe check "$folder/a file.json" --set 'name=b  c' 2>&1)
[ "$expected" = "$found" ] && good || bad "arguments: expected $expected, found $found"
started "arguments" none "$best"
check "ARM" 0 'OpenBLAS with neoversen1 kernels, its own choice$' shim BLAS_SHIM_CORE=neoversen1 "$sapwood" devices
started "ARM" none

# run NAME VALUE...: three steps, with these variables
run() {
    name=$1
    shift
    shim "$@" "$sapwood" train "$recipe" --run "$folder/$name" $small >"$folder/said" 2>&1 ||
        bad "$name: code $? and $(cat "$folder/said")"
}
run chosen BLAS_SHIM_CORE=Prescott
check "log" 0 "INFO | cpu: OpenBLAS with $best kernels, chosen by the CPU's features" cat "$folder/chosen/log.txt"
check "no warning" 1 '^0$' grep -c 'several times slower' "$folder/chosen/log.txt"
check "numerics" 0 "^numerics .* $best " "$sapwood" run show "$folder/chosen"
run forced OPENBLAS_CORETYPE="$best"
same "chosen and forced" "$folder/forced" "$folder/chosen"
rm -f "$folder/starts"

# --- The user's choice stays ---

check "slow choice" 0 "OPENBLAS_CORETYPE=prescott: the Prescott kernels are several times slower than those for $best" \
    shim OPENBLAS_CORETYPE=prescott "$sapwood" devices
started "slow choice" prescott
check "good choice" 0 "^cpu .* $best kernels, chosen by OPENBLAS_CORETYPE=$best\$" \
    env OPENBLAS_CORETYPE="$best" "$sapwood" devices
printf '%s\n' "$output" | grep -q 'several times slower' && bad "good choice: $output" || good
run slow OPENBLAS_CORETYPE=Prescott
check "slow run" 0 "WARNING | OPENBLAS_CORETYPE=Prescott: .* unset the variable" cat "$folder/slow/log.txt"
check "slow numerics" 0 '^numerics .* Prescott ' "$sapwood" run show "$folder/slow"
rm -f "$folder/starts"
if ! has fma4; then # only CPUs of AMD from 2011 to 2015 have it
    check "cannot run" 2 "kernels for Bulldozer; expected kernels that this CPU can run, which has no FMA4; unset OPENBLAS_CORETYPE" \
        env OPENBLAS_CORETYPE=Bulldozer "$sapwood" bench step --steps 1
fi
if ! has avx512f; then
    check "cannot run" 2 'kernels for SkylakeX; .* no AVX-512' env OPENBLAS_CORETYPE=SkylakeX "$sapwood" devices
fi

# --- Kernels that are wrong or missing ---

check "wrong" 0 "^cpu .* $second kernels, chosen by the CPU's features; its own choice is Prescott\$" \
    shim BLAS_SHIM_CORE=Prescott BLAS_SHIM_WRONG=",$best," "$sapwood" devices
started "wrong" none "$best" "$second"
check "wrong, said" 0 "kernels for $best compute wrongly on this CPU; those for $second take their place" \
    printf '%s\n' "$output"
run wrong BLAS_SHIM_CORE=Prescott BLAS_SHIM_WRONG=",$best,"
check "wrong, log" 0 "WARNING | OpenBLAS's kernels for $best compute wrongly" cat "$folder/wrong/log.txt"
check "wrong, numerics" 0 "^numerics .* $second " "$sapwood" run show "$folder/wrong"
rm -f "$folder/starts"
check "not there" 0 "^cpu .* $second kernels, chosen by" \
    shim BLAS_SHIM_CORE=Prescott BLAS_SHIM_UNKNOWN=",$best," "$sapwood" devices
started "not there" none "$best" "$second"
printf '%s\n' "$output" | grep -q 'several times slower\|wrongly' && bad "not there: $output" || good
check "all wrong" 11 "kernels for Prescott compute wrongly on this CPU: product 17 x 65 x 33.*expected .*, found " \
    shim BLAS_SHIM_CORE=Prescott BLAS_SHIM_WRONG=",$(echo "$cores" | tr ' ' ,)," "$sapwood" recipe check "$recipe"
started "all wrong" none $cores
check "own choice wrong" 0 "kernels for $best compute wrongly.*those for $second" \
    shim BLAS_SHIM_CORE="$best" BLAS_SHIM_WRONG=",$best," "$sapwood" devices
started "own choice wrong" none "$second"
check "the user's is wrong" 11 "kernels for $second compute wrongly" \
    shim OPENBLAS_CORETYPE="$second" BLAS_SHIM_WRONG=",$second," "$sapwood" devices
started "the user's is wrong" "$second"
report
