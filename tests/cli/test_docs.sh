# The commands of docs/coming_from_open_clip.md, as they stand there, in a folder with small fixtures
# under the names that the page uses. Its recipe is made smaller: architecture, vocabulary, batch, steps.
# The fields that it names must be in the schema.
. tests/checks.sh

page=$PWD/docs/coming_from_open_clip.md
fixtures=$PWD/tests/fixtures
mkdir "$folder/bin"
ln -s "$sapwood" "$folder/bin/sapwood"
PATH=$folder/bin:$PATH

# prepare FOLDER PAGE: the fixtures, the recipe and the commands of a page
prepare() {
    mkdir "$1"
    cp "$fixtures/fashion-train.tar" "$1/shoes-000.tar"
    cp "$fixtures/emoji-train.tar" "$1/shoes-001.tar"
    cp "$fixtures/fashion-test.tar" "$1/shoes-test.tar"
    cp "$fixtures/vocabulary.txt" recipes/tiny-architecture.json "$1"
    cp "$folder/base/weights/model.safetensors" "$1/open_clip_model.safetensors"
    small='s/ViT-B-32-quickgelu/tiny-architecture.json/; s/bpe_simple_vocab_16e6.txt.gz/vocabulary.txt/
        s/"batch_size": 64/"batch_size": 16/; s/"steps": 2000/"steps": 3/'
    sed -n '/^```json$/,/^```$/p' "$2" | sed '/^```/d' | sed "$small" >"$1/shoes.json"
    sed -n '/^```/,/^```$/d; s/^    //p' "$2" | sed "$small" >"$1/commands"
}

# run FOLDER: its commands one after the other; stops at the first that fails
run() {
    cd "$1" || return 1
    while read -r line; do
        sh -c "$line" </dev/null >output 2>&1 && continue
        echo "failed: $line"
        cat output
        return 1
    done <commands
}

check "base" 0 '' "$sapwood" train recipes/tiny.json --run "$folder/base" --quiet \
    --set model.lora=null --set model.uniadapter=null --set model.train=all \
    --set stages.0.steps=1 --set stages.1.steps=1
prepare "$folder/page" "$page"
check "commands" 0 '^12$' sh -c 'wc -l <"$0"' "$folder/page/commands"
check "all of sapwood" 1 '' grep -v '^sapwood ' "$folder/page/commands"
(run "$folder/page") >"$folder/said" && good || bad "the page: $(cat "$folder/said")"
for made in logs/shoes/weights/adapters.safetensors logs/shoes-2/weights/adapters.safetensors \
    shoes-open-clip/open_clip_config.json shoes-hf/preprocessor_config.json \
    shoes-peft/adapter_config.json base-hf/config.json features.npy; do
    check "$made" 0 '' test -s "$folder/page/$made"
done

# A wrong command, a wrong field of the recipe: each must be found.
for planted in 's/--dry-run/--dryrun/' 's/"warmup"/"warm_up"/' 's/to hugging_face/to huggingface/'; do
    sed "$planted" "$page" >"$folder/wrong.md"
    rm -rf "$folder/wrong"
    prepare "$folder/wrong" "$folder/wrong.md"
    (run "$folder/wrong") >"$folder/said" && bad "planted $planted: not found" || good
done

# --- The tables ---

# In a new folder: what is checked is the page, not what its commands left.
mkdir "$folder/tables"
sed -n '/^```json$/,/^```$/p' "$page" | sed '/^```/d' >"$folder/tables/shoes.json"
for command in train eval; do "$sapwood" $command --help >"$folder/help-$command"; done

# is_field PATH: the page's recipe may have it; a value that fits no field is then of the wrong kind
is_field() {
    "$sapwood" recipe check "$folder/tables/shoes.json" --set "$(echo "$1" | sed 's/\[\]/[0]/g')={\"no\": 1}" 2>&1 |
        grep -qF ": $(echo "$1" | sed 's/\[\]/[0]/g'): wrong kind of value"
}
# is_value PATH VALUE: a value of that field, or of its list
is_value() {
    for value in "$2" "[$2]"; do
        "$sapwood" recipe check "$folder/tables/shoes.json" --set "$(echo "$1" | sed 's/\[\]/[0]/g')=$value" \
            >"$folder/output" 2>&1 && return
    done
    grep -q "classification needs classnames" "$folder/output"
}
# is_option OPTION [WORD]: of train or eval
is_option() {
    grep -qE "^  $1( |\$)" "$folder"/help-* && { [ -z "${2:-}" ] || grep -qw -- "$2" "$folder"/help-*; }
}
# is_command WORD...: words of a command, places in capitals, options
is_command() {
    words=
    [ "$1" = sapwood ] || return 1
    shift
    while [ $# -gt 0 ]; do
        case $1 in [a-z]*) words="$words $1" ;; *) break ;; esac
        shift
    done
    "$sapwood" $words --help >"$folder/help" 2>&1 || return 1
    for word in "$@"; do
        case $word in --*) grep -q -- "^  $word " "$folder/help" || return 1 ;; esac
    done
}
# is_right WORD: what stands between backquotes in a cell; $last is the last field before it
is_right() {
    case $1 in
    '::' | 'pipe:' | '.json' | MODEL) return ;;
    docs/*) [ -s "$1" ] ;;
    --*) is_option $1 ;;
    'sapwood '*) is_command $1 ;;
    *.* | *'[]'*) is_field "$1" && last=$1 ;;
    [a-z]*)
        for field in "${last%.*}.$1" "$last[].$1" "$1"; do
            is_field "$field" && last=$field && return
        done
        is_value "$last" "$1" && ! is_value "$last" no-such-word
        ;;
    ViT-*) [ "$last" = model.architecture ] && [ -s "models/clip/configs/$1.json" ] ;;
    *) is_value "$last" "$1" ;;
    esac
}
# flags PAGE: the second column of the table of flags; prints what is wrong, and counts on $n
flags() {
    n=0
    sed -n '/^## Flags/,/^## Files/ s/^| [^|]*| \(.*\) |$/\1/p' "$1" >"$folder/cells"
    while read -r cell; do
        last=
        echo "$cell" | grep -o '`[^`]*`' | tr -d '`' >"$folder/words"
        while read -r word; do
            n=$((n + 1))
            is_right "$word" || echo "not in the program: $word"
        done <"$folder/words"
    done <"$folder/cells"
}
flags "$page" >"$folder/amiss" # in this shell, for $n
[ ! -s "$folder/amiss" ] && good || bad "flags: $(cat "$folder/amiss")"
[ $n -gt 40 ] && good || bad "flags: only $n words"

# files PAGE: the second column of the table of files, in the runs made above: files, what is in them
files() {
    n=0
    sed -n '/^## Files/,/^## The/ s/^| `.*` | \(.*\) |$/\1/p' "$1" | sed 's/\\|/|/g' >"$folder/cells"
    while read -r cell; do
        echo "$cell" | grep -o '`[^`]*`' | tr -d '`' >"$folder/words"
        file=$(grep -E '^[a-z.]*[.](jsonl|json|txt)$' "$folder/words" | head -n 1)
        while read -r word; do
            n=$((n + 1))
            case $word in
            *.jsonl | *.json | *.txt) [ -s "$folder/base/$word" ] && [ -s "$folder/page/logs/shoes/$word" ] ;;
            */step_N/) ls -d "$folder/base/${word%N/}"0*/ ;;
            */) ls -d "$folder/base/$word" ;;
            'time | LEVEL | message') grep -qE '^[0-9-]*,[0-9:]* [|] [A-Z]* [|] ' "$folder/base/log.txt" ;;
            *) grep -q "\"$word\": " "$folder/base/$file" ;;
            esac >"$folder/output" 2>&1 || echo "not in a run: $word"
        done <"$folder/words"
    done <"$folder/cells"
}
files "$page" >"$folder/amiss"
[ ! -s "$folder/amiss" ] && good || bad "files: $(cat "$folder/amiss")"
[ $n -gt 15 ] && good || bad "files: only $n words"

# commands PAGE: those within the text, and options alone
commands() {
    n=0
    sed '/^```/,/^```$/d; /^    /d; /^|/d' "$1" | grep -o '`[^`]*`' | tr -d '`' | grep -E '^(sapwood |--)' >"$folder/words"
    while read -r word; do
        n=$((n + 1))
        case $word in --*) is_option $word ;; *) is_command $word ;; esac || echo "not a command: $word"
    done <"$folder/words"
}
commands "$page" >"$folder/amiss"
[ ! -s "$folder/amiss" ] && good || bad "commands: $(cat "$folder/amiss")"
[ $n -ge 3 ] && good || bad "commands: only $n"

# readme PAGE: the commands in its table
readme() {
    n=0
    sed -n '/^| I want to/,/^$/p' "$1" | grep -o '`sapwood [^`]*`' | tr -d '`' >"$folder/words"
    while read -r word; do
        n=$((n + 1))
        is_command $word || echo "not a command: $word"
    done <"$folder/words"
}
readme README.md >"$folder/amiss"
[ ! -s "$folder/amiss" ] && good || bad "README: $(cat "$folder/amiss")"
[ $n -ge 12 ] && good || bad "README: only $n commands"

# Each is found: a wrong parent, end, sibling, value, option, file, name in a file, command.
# planted PART CHANGE...
planted() {
    part=$1
    shift
    for change in "$@"; do
        sed "$change" "$page" >"$folder/wrong.md"
        cmp -s "$page" "$folder/wrong.md" && bad "planted $change: nothing to change"
        $part "$folder/wrong.md" >"$folder/amiss"
        [ -s "$folder/amiss" ] && good || bad "planted $change: not found"
    done
}
# some rows are enough of the flags: the program is asked for each word
{
    echo '## Flags'
    grep -E '^[|] `--(train-data|val-data|model|lr|resume|distill-model|logs)' "$page"
    echo '## Files'
} >"$folder/rows.md"
(
    page=$folder/rows.md
    planted flags 's/.data.update.sources\[\].shards/`data.sources[].shards/' 's/sources\[\].ratio/sources[].ration/' \
        's/`beta2`/`beta3`/' 's/`retrieval` or/`retrival` or/' 's/"zscl"/"zcsl"/' 's/`--resume PATH`/`--restart PATH`/' \
        's/`ViT-B-32`, /`ViT-B-33`, /' 's/`seed`, /`sed`, /'
    [ $failed = 0 ]
) && good || bad "planted flags: not all were found"
planted files 's/`evaluation.jsonl`/`evaluations.jsonl`/' 's/`acc1`/`acc@1`/' 's/`step_ms`/`steps_ms`/' \
    's/`weights\/`/`weight\/`/' 's/checkpoints\/step_N/checkpoint\/step_N/'
(
    page=README.md
    planted readme 's/`sapwood shards check/`sapwood shards chek/' 's/ --images PLACE/ --pictures PLACE/'
    [ $failed = 0 ]
) && good || bad "planted README: not all were found"
planted commands 's/`sapwood recipe schema`/`sapwood recipe scheme`/' 's/`--set`/`--sat`/'
report
