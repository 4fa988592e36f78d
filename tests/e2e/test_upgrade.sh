# What an earlier release left behind (tests/fixtures/releases): a run folder, an index and teacher
# features are used, or refused with the reason and a remedy that works. What a newer version wrote is
# refused and left alone.
. tests/checks.sh

# place RELEASE: a copy of what a release left; $recipe and $run are in it
place() {
    rm -rf "$folder/release"
    cp -r "tests/fixtures/releases/$1" "$folder/release"
    recipe=$folder/release/recipe.json
    run=$folder/release/run
    # the index is of a shard of this time
    ns=$(od -An -tu8 -j 24 -N 8 "$folder/release/emoji.tar.index")
    touch -d "$(printf '@%d.%09d' $((ns / 1000000000)) $((ns % 1000000000)))" "$folder/release/emoji.tar"
    cp -r "$folder/release" "$folder/before"
}

# untouched WHAT [OPTION...]: all is as it was, but for the log
untouched() {
    what=$1
    shift
    diff -r --exclude log.txt --exclude run.lock "$@" "$folder/before" "$folder/release" >"$folder/differs" &&
        good || bad "$what: changed: $(cat "$folder/differs")"
}

# go_on: trains with each change that is refused allowed, as the refusal says
go_on() {
    allowed=
    for try in 1 2 3 4 5 6 7; do
        "$sapwood" train "$recipe" --run "$run" $allowed >"$folder/said" 2>&1
        code=$?
        [ $code = 4 ] || return
        untouched "refused" --exclude cache # teacher features may be made before
        key=$(sed -n 's/.* changed; expected .*, found .*, or pass --allow-change \([a-z_]*\)$/\1/p
            s/.*recipe changed: .*; expected .*, found .*, or pass --allow-change \([a-z_]*\)$/\1/p' "$folder/said")
        case " $allowed " in
        *" $key "*) bad "refused without a remedy, or once more: $(cat "$folder/said")"; return ;;
        esac
        allowed="$allowed --allow-change $key"
    done
}

# numbers FILE: step, clip, norm of the gradient and order of each line of metrics
numbers() {
    sed 's/.*"step": \([0-9]*\).*"clip": \([^,]*\).*"grad_norm": \([^,]*\).*"order": "\([0-9a-f]*\)".*/\1 \2 \3 \4/' "$1"
}

for release in $(ls tests/fixtures/releases); do
    rm -rf "$folder/before"
    place "$release"
    check "$release: ls" 0 '^step_00000011 .* 3 .*emoji-again$' "$sapwood" run ls "$run"
    check "$release: show" 0 'steps  *11 of 20 saved' "$sapwood" run show "$run"
    n=$(ls "$run/checkpoints" | wc -l)
    check "$release: verify" 0 "^$n checkpoints: $n good, 0 damaged\$" "$sapwood" run verify "$run"
    check "$release: eval" 0 'after emoji ' "$sapwood" eval "$run"
    cp -r "$folder/release/finished/weights" "$run"
    case $release in
    0.1.0) says='without a checksum, from an older version: ' ;;
    *) says='good: ' ;;
    esac
    check "$release: weights" 0 "^weights/adapters.safetensors  $says" \
        "$sapwood" run verify "$run"
    rm -r "$run/weights"
    untouched "$release: looked at"

    go_on
    [ $code = 0 ] && grep -q 'resumed at step 11' "$folder/said" && good ||
        bad "$release: expected to go on from step 11, found $code: $(cat "$folder/said")"
    case " $allowed " in *" recipe "*) bad "$release: the same recipe was refused as another" ;; esac
    echo "$release goes on with:${allowed:- no change}"
    grep -q 'indexed' "$folder/said" && bad "$release: the index was not used: $(cat "$folder/said")" || good
    for kept in emoji.tar.index $(cd "$folder/before" && ls run/cache/*); do
        cmp -s "$folder/before/$kept" "$folder/release/$kept" && good || bad "$release: $kept was changed"
    done
    case $allowed in
    *version* | *numerics*) ;;
    *) grep -q 'teacher features of 8 samples of ref_image read' "$folder/said" && good ||
        bad "$release: teacher features were not used: $(cat "$folder/said")" ;;
    esac
    # The samples are the same, and the numbers nearly: other kernels round in another way.
    numbers "$run/metrics.jsonl" >"$folder/found"
    numbers "$folder/release/finished/metrics.jsonl" | paste -d ' ' - "$folder/found" >"$folder/pairs"
    awk 'function off(a, b) { return (a > b ? a - b : b - a) > 1e-3 * b }
        NF != 8 || $1 != $5 || off($6, $2) || off($7, $3) || $8 != $4 { print; bad = 1 }
        END { exit bad || NR != 20 }' "$folder/pairs" >"$folder/differs" && good ||
        bad "$release: other numbers: $(cat "$folder/differs")"
    if grep -q uniadapter "$recipe"; then # which no export has: a next job starts with it
        check "$release: adapters" 0 '' "$sapwood" train "$recipe" --run "$folder/next-$release" \
            --set model.adapters="[\"$run\"]"
    else
        check "$release: adapters" 0 '' "$sapwood" convert "$run" "$folder/out-$release" --to peft
    fi
done

# --- Newer: a manifest of version 2 with one more key, an index of version 2 ---

release=0.1.0
rm -rf "$folder/before"
place $release
cp tests/fixtures/newer_manifest.json "$run/checkpoints/step_00000011/MANIFEST.json"
rm -rf "$folder/before"
cp -r "$folder/release" "$folder/before"
for option in "" "--resume never" "--dry-run"; do
    check "newer run $option" 77 \
        'checkpoint step 11: MANIFEST.json.*version.* 1, found 2.*continue with the newer program' \
        "$sapwood" train "$recipe" --run "$run" $option
    untouched "newer run $option"
done
check "newer: ls" 0 '^step_00000011  newer: ' "$sapwood" run ls "$run"
check "newer: show" 0 '^newer  *MANIFEST.json' "$sapwood" run show "$run"
check "newer: verify" 77 '^3 checkpoints: 2 good, 0 damaged, 1 of a newer version' "$sapwood" run verify "$run"
untouched "newer: looked at"

printf '\002' | dd of="$folder/release/emoji.tar.index" bs=1 seek=8 conv=notrunc 2>/dev/null
cp "$folder/release/emoji.tar.index" "$folder/newer.index"
check "newer index" 0 'emoji: indexed .*8 samples' "$sapwood" train "$recipe" --run "$folder/other" --set evaluation.sets=[]
check "newer index, forced" 5 'emoji.tar.index: an index of version 2, made by a newer sapwood, is there and stays' \
    "$sapwood" shards index --force "$folder/release/emoji.tar"
cmp -s "$folder/newer.index" "$folder/release/emoji.tar.index" && good || bad "a newer index was changed"

report
