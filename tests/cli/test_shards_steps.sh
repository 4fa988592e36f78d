# sapwood shards ls RECIPE --steps: what is shown is what training takes; the ledger of the run counts
# the same; step 1,000,000 is shown without those before.
. tests/e2e/tiny.sh
run=$folder/run
tab=$(printf '\t')

"$sapwood" shards ls "$recipe" --steps 1..60 >"$folder/plan" || bad "ls failed"
head -n 1 "$folder/plan" | grep -q "^step${tab}stage${tab}role${tab}slot${tab}source${tab}shard${tab}key" &&
    good || bad "heading: $(head -n 1 "$folder/plan")"

# Rows of stage, role: how many, how many different samples.
rows() { awk -F '\t' -v s="$1" -v r="$2" '$2 == s && $3 == r' "$folder/plan"; }
count() { rows "$1" "$2" | wc -l; }
for expected in "emoji update 480" "emoji buffer 0" "emoji ref_image 240" "emoji view 240" \
    "fashion update 360" "fashion buffer 120" "fashion ref_text 240"; do
    set -- $expected
    [ "$(count "$1" "$2")" = "$3" ] && good || bad "$1 $2: expected $3 rows, found $(count "$1" "$2")"
done

# Exactly once: the counts of any two samples differ by at most one, and all of the shard are there.
samples=$(tar tf tests/fixtures/emoji-train.tar | sed 's/\..*//' | sort -u | wc -l)
rows emoji update | cut -f 7 | sort | uniq -c | awk -v n="$samples" '
    { low = NR == 1 || $1 < low ? $1 : low; high = $1 > high ? $1 : high }
    END { exit !((NR == n || high == 1) && high - low <= 1) }' && good || bad "update: not evenly drawn"
# The buffer holds what update has drawn before, and nothing else.
rows emoji update | cut -f 8 | sort -u >"$folder/past"
rows fashion buffer | cut -f 8 | sort -u >"$folder/replayed"
[ -s "$folder/replayed" ] && [ -z "$(comm -13 "$folder/past" "$folder/replayed")" ] && good ||
    bad "buffer: samples that were not drawn before"
# Slots of update and buffer do not overlap; captions are those of the shard's text.
rows fashion buffer | awk -F '\t' '$4 < 12 || $4 > 15 { exit 1 }' && good || bad "buffer: slots"
key=$(rows fashion ref_text | head -n 1 | cut -f 7)
caption=$(tar xOf tests/fixtures/openclipart-train.tar "$key.txt" | tr -s ' \n' ' ')
rows fashion ref_text | head -n 1 | cut -f 9 | grep -qF "$(echo $caption)" && good ||
    bad "caption of $key: $(rows fashion ref_text | head -n 1)"
# A piece is the same as in the whole.
"$sapwood" shards ls "$recipe" --steps 29..32 >"$folder/piece"
awk -F '\t' 'NR == 1 || ($1 >= 29 && $1 <= 32)' "$folder/plan" | cmp -s - "$folder/piece" && good ||
    bad "steps 29..32 alone differ"

# The run takes the same: its ledger has these counts, and its skipped steps name these samples.
"$sapwood" train "$recipe" --run "$run" --quiet || bad "train failed"
for expected in "emoji update emoji 480" "fashion update fashion 360" "fashion buffer buffer 120" \
    "fashion ref_image openclipart 240"; do
    set -- $expected
    "$sapwood" run show "$run" | awk -v s="$1" -v r="$2" -v n="$3" -v d="$4" '
        $1 == s && $2 == r && $3 == n { found = $6 + $7 + $8 == d && ($6 + $7 + $8 + $9) % $4 == 0 }
        END { exit !found }' && good || bad "ledger: $expected: $("$sapwood" run show "$run")"
done

# Stages cut from a list of classes, ten of two samples each: five of two classes.
printf '["fashion+++j", "fashion+++a", "fashion+++c", "fashion+++b", "fashion+++d", "fashion+++e",
    "fashion+++f", "fashion+++i", "fashion+++h", "fashion+++g"]' >"$folder/recipes/order.json"
sed 's|{"name": "fashion", "steps": 30,|{"name": "task", "steps": 4, "ordering": {"list": "order.json", "chunks": 5, "reversed": false},|
    s|fashion-train.tar"}|fashion-train.tar", "classnames": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]}|' \
    "$recipe" >"$folder/recipes/ordered.json"
"$sapwood" shards ls "$folder/recipes/ordered.json" --steps 31..50 >"$folder/plan" || bad "ordered: ls"
for expected in "task-001 9 0" "task-002 2 1" "task-005 7 6"; do
    set -- $expected
    rows "$1" update | cut -f 7 | sort -u >"$folder/keys"
    classes=$(while read -r key; do tar xOf tests/fixtures/fashion-train.tar "$key.cls"; echo; done \
        <"$folder/keys" | sort -u | tr '\n' ' ')
    [ "$(wc -l <"$folder/keys")" = 4 ] && [ "$classes" = "$(printf '%s\n%s\n' "$2" "$3" | sort | tr '\n' ' ')" ] &&
        good || bad "$1: expected classes $2 $3, found $classes"
done
rows task-003 update | cut -f 8 | sort -u >"$folder/past"
rows task-004 buffer | cut -f 8 | sort -u >"$folder/replayed"
[ -n "$(comm -12 "$folder/past" "$folder/replayed")" ] && good || bad "task-004: nothing of task-003 replayed"
"$sapwood" train "$folder/recipes/ordered.json" --run "$folder/ordered" --quiet || bad "ordered: train"
"$sapwood" run show "$folder/ordered" | grep -q '^task-005 *update *ordering *4 ' && good ||
    bad "ordered: $("$sapwood" run show "$folder/ordered")"
sed 's/"reversed": false/"chunk": 0/' "$folder/recipes/ordered.json" >"$folder/recipes/no-direction.json"
check "direction" 2 'ordering.*reversed' "$sapwood" shards ls "$folder/recipes/no-direction.json" --steps 1

# Far along, and what is refused.
sed 's/"steps": 30/"steps": 2000000/' "$recipe" >"$folder/recipes/long.json"
check "step 1,000,000" 0 "^1000000${tab}emoji${tab}update${tab}0${tab}emoji" \
    timeout 60 "$sapwood" shards ls "$folder/recipes/long.json" --steps 1000000
check "too far" 2 'within 1..60' "$sapwood" shards ls "$recipe" --steps 60..61
check "backwards" 2 'expected A..B' "$sapwood" shards ls "$recipe" --steps 5..4
check "no steps" 2 'expected A..B .*found nothing' "$sapwood" shards ls "$recipe"
[ -z "$(ls "$folder/tests/fixtures" | grep -v 'tar$\|tar.index$\|vocabulary.txt')" ] && good ||
    bad "ls leaves files: $(ls "$folder/tests/fixtures")"
report
