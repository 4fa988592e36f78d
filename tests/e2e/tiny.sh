# tiny: what the end-to-end tests share; `. tests/e2e/tiny.sh` in a script that got the binary as $1.
#   $folder  a temporary copy of the tiny recipe and its fixtures, removed at the end
#   $recipe  the recipe in it
. tests/checks.sh
mkdir -p "$folder/recipes" "$folder/tests/fixtures"
cp recipes/tiny*.json "$folder/recipes"
cp tests/fixtures/*.tar tests/fixtures/vocabulary.txt "$folder/tests/fixtures"
recipe=$folder/recipes/tiny.json

# same WHAT RUN RUN: what two runs have in common must have equal bytes: repeatable logs, exported
# weights, the newest checkpoint. Not its manifest where a stop came in the evaluation after the last
# step: it says that this is owed.
same() {
    a=$(newest "$2")
    for file in metrics.jsonl evaluation.jsonl quarantine.jsonl weights/adapters.safetensors \
        "checkpoints/$a/model.safetensors" "checkpoints/$a/state.safetensors" \
        "checkpoints/$a/MANIFEST.json"; do
        case $file in
        */MANIFEST.json) ! grep -q '"owes_evaluation": "1"' "$3/$file" || continue ;;
        esac
        if [ -f "$2/$file" ] && cmp -s "$2/$file" "$3/$file"; then
            good
        else
            bad "$1: $file differs: $(cmp "$2/$file" "$3/$file" 2>&1)"
        fi
    done
}

# newest RUN: name of its newest checkpoint
newest() { ls "$1/checkpoints" | grep '^step_' | sort | tail -n 1; }

# step_of RUN: step of its newest checkpoint, 0 without one
step_of() {
    name=$(newest "$1" 2>/dev/null | sed 's/^step_0*//')
    echo "${name:-0}"
}

# random_below SEED NUMBER N: one of 0..N-1
random_below() {
    # awk's srand takes all beyond 31 bits for the same seed, so the clock's seconds are cut first
    awk -v seed="$1" -v n="$2" -v below="$3" 'BEGIN {
        srand(seed % 100000 * 10000 + n % 10000); rand(); print int(rand() * below) }'
}

# said_why FILE: what a run that ended with 75 said; while it evaluates or makes teacher features, all
# its steps are saved already
said_why() { grep -q 'and saved\|stopped before its end; run the same command again' "$1"; }

# random_ms SEED NUMBER LOW HIGH: a number of milliseconds as seconds for sleep
random_ms() {
    ms=$(($3 + $(random_below "$1" "$2" $(($4 - $3)))))
    printf '%d.%03d\n' $((ms / 1000)) $((ms % 1000))
}
