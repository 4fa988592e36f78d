#!/bin/sh
# House rules that a command can see: who includes whom, one owner per library, headers that compile
# alone, file length, unfinished marks, printing, unsafe functions, names, all files of an op. Every
# rule is then shown a tree that breaks it, so a rule that cannot fail fails here.
set -u
export LC_ALL=C
source=$(cd "$(dirname "$0")/../.." && pwd)
passed=0
failed=0

code_files() {
    find data models pipeline shaders tests -type f \( -name '*.c' -o -name '*.cc' -o -name '*.h' \) 2>/dev/null |
        sort
}

# file:header for the quoted includes of the files in the given folders
includes_of() { grep -rHoE --include='*.[ch]' '^#include "[^"]+"' "$@" 2>/dev/null | sed 's/#include "\(.*\)"/\1/'; }

# Each rule prints what breaks it and nothing else; it runs in the root of a tree.
rule_base_includes_base() { includes_of pipeline/base | grep -v ':pipeline/base/'; }
rule_data_stands_on_base() { includes_of data | grep -vE ':(data|pipeline/base)/'; }
rule_models_stand_on_base() {
    includes_of models | grep -vE ':(models|pipeline/base|shaders/params)/|:data/batch\.h$'
}
rule_pipeline_below_cli() {
    includes_of pipeline/recipe pipeline/run pipeline/continual pipeline/train pipeline/features pipeline/eval |
        grep -E ':(pipeline/cli|tests)/'
}
rule_nobody_includes_tests() { includes_of data models pipeline shaders | grep ':tests/'; }

# library header (pattern) and the files that may include it (pattern)
OWNERS='archive(_entry)?\.h data/shards/shard\.c
stb_image\.h data/images/image\.c
jpeglib\.h data/images/image\.c
webp/.* data/images/image\.c
cjson/cJSON\.h pipeline/base/json\.c
xxhash\.h pipeline/base/hash\.c
zlib\.h data/shards/gzip\.c
cblas\.h models/ops/matmul\.c
lapacke?\.h models/[a-z_/]*linear_algebra\.c
vulkan/.* models/vk/[a-z_]*\.[ch]
curl/.* data/shards/remote\.c
sentencepiece_.* data/texts/tokenizer_sentencepiece\.cc'
rule_one_owner_per_library() {
    echo "$OWNERS" | while read -r header owner; do
        grep -rnE --include='*.[ch]' --include='*.cc' "^ *# *include <$header>" data models pipeline shaders 2>/dev/null |
            grep -vE "^$owner:"
    done
}

rule_header_compiles_alone() {
    headers=$(code_files | grep '\.h$')
    [ -n "$headers" ] || return 0
    # As a source file of its own; unused static functions of a shared table are no fault here.
    gcc -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Wall -Werror -Wno-unused \
        -fsyntax-only -I. -x c $headers 2>&1
}
rule_file_length() { code_files | xargs -r wc -l | awk '$1 >= 800 && $2 != "total" { print $2 ": " $1 " lines" }'; }
# Written in two halves, so that this file does not break its own rule.
rule_nothing_unfinished() {
    find data models pipeline shaders tests -type f \
        \( -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.comp' -o -name '*.glsl' \) \
        -exec grep -nHE "\b(TO""DO|FIX""ME|XX""X|HA""CK)\b|not imple""mented" {} + 2>/dev/null
}
rule_only_cli_prints() {
    grep -rnE --include='*.c' '\b(printf|puts|putchar|exit|abort|_exit|perror)\(|\bstdout\b' \
        data models pipeline 2>/dev/null |
        grep -vE '^pipeline/(cli/|base/(status|log)\.c:)'
}
rule_file_work_in_file() {
    grep -rnE --include='*.c' '(^|[^a-z_])(fopen|open|creat|rename|unlink|mkdir|fsync|opendir)\(' \
        data models pipeline 2>/dev/null | grep -v '^pipeline/base/file[a-z_]*\.c:'
}
rule_no_unsafe_functions() {
    grep -rnE --include='*.[ch]' '\b(atoi|atof|strcpy|strcat|sprintf|strtok|gets)\(' \
        data models pipeline tests 2>/dev/null
}
rule_unique_names() {
    find data models pipeline -name '*.c' 2>/dev/null | sed 's/.*\///' | sort | uniq -d
}
rule_op_has_all_files() {
    [ -f models/op_list.h ] || return 0
    for op in $(sed -n 's/^ *OP(\([a-z_0-9]*\)).*/\1/p' models/op_list.h); do
        for file in models/ops/$op.h models/ops/$op.c shaders/params/$op.h tests/ops/test_$op.c; do
            [ -f "$file" ] || echo "op $op: $file is missing"
        done
    done
}
# The trainer, the learner and the recipe know no plug. Words that also mean something else there count
# only where they are code.
rule_no_plug_named() {
    [ -f pipeline/continual/plug_list.h ] || return 0
    for word in $(grep -oE '\bX\([a-z_0-9]+\)' pipeline/continual/plug_list.h | tr -d 'X()'); do
        case $word in
        clip | teacher) pattern="\"$word[\\\"]|plug_$word|/$word\.h" ;;
        *) pattern="(^|[^a-zA-Z])$word([^a-zA-Z]|\$)" ;;
        esac
        grep -rnE --include='*.[ch]' "$pattern" pipeline/train models/learn pipeline/recipe 2>/dev/null
    done
}
# A planted bug that does not fit any more shows nothing: tests/faults/plant.sh would only say so then.
rule_planted_bugs_fit() {
    for patch in tests/faults/planted/*.patch; do
        [ -f "$patch" ] || continue
        git apply --check "$patch" 2>&1
        name=$(sed -n '1s/ .*//p; 1q' "$patch")
        [ -n "$name" ] || name=$(head -n 1 "$patch")
        ls tests/*/"${name%_llvmpipe}".* tests/*/"${name%_swiftshader}".* 2>/dev/null | grep -q . ||
            echo "$patch: its test $name is not there"
    done
}
# A test that a document names is there, under that name.
rule_docs_name_tests() {
    for name in $(grep -ohE '`test_[a-z_0-9]+`' README.md docs/*.md 2>/dev/null | tr -d '`' | sort -u); do
        ls tests/*/"$name".c tests/*/"$name".sh tests/fuzz/"${name#test_}".c 2>/dev/null | grep -q . ||
            echo "$name: named in the docs, not in tests/"
    done
}
rule_guarantees_have_tests() {
    [ -f docs/guarantees.md ] || return 0
    for n in $(seq 17); do
        grep -qE "^[|] G$n [|] .* [|] .*\`test_[a-z_0-9]+\`.* [|]\$" docs/guarantees.md ||
            echo "docs/guarantees.md: no row for G$n that names its test"
    done
}

RULES="base_includes_base data_stands_on_base models_stand_on_base pipeline_below_cli
nobody_includes_tests one_owner_per_library header_compiles_alone file_length nothing_unfinished
only_cli_prints file_work_in_file no_unsafe_functions unique_names op_has_all_files
docs_name_tests guarantees_have_tests planted_bugs_fit no_plug_named"

check() { # what, 0 if it holds
    if [ "$2" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

cd "$source" || exit 1
for rule in $RULES; do
    found=$(rule_$rule)
    if [ -n "$found" ]; then
        echo "rule $rule is broken:"
        echo "$found" | sed 's/^/  /' | head -n 20
    fi
    [ -z "$found" ]
    check "$rule" $?
done

# One planted breach per rule: file and content.
breach() {
    case $1 in
    base_includes_base) plant pipeline/base/a.c '#include "data/b.h"' ;;
    data_stands_on_base) plant data/a.c '#include "models/b.h"' ;;
    models_stand_on_base) plant models/a.c '#include "data/images/image.h"' ;;
    pipeline_below_cli) plant pipeline/train/a.c '#include "pipeline/cli/b.h"' ;;
    nobody_includes_tests) plant data/a.c '#include "tests/check.h"' ;;
    one_owner_per_library) plant data/a.c '#include <archive.h>' ;;
    header_compiles_alone) plant data/a.h 'size_t a(void);' ;;
    file_length) plant data/a.c "$(seq 900)" ;;
    nothing_unfinished) plant data/a.c "/* TO""DO */" ;;
    only_cli_prints) plant data/a.c 'printf("a");' ;;
    file_work_in_file) plant data/a.c 'f = fopen(path, "r");' ;;
    no_unsafe_functions) plant data/a.c 'atoi(s);' ;;
    unique_names) plant data/a.c '' && plant models/a.c '' ;;
    op_has_all_files) plant models/op_list.h '    OP(gelu)' ;;
    no_plug_named)
        plant pipeline/continual/plug_list.h '#define PLUG_LOSSES(X) X(clip)'
        plant pipeline/train/a.c 'plug_set_text(&plugs, "{\"losses\": [{\"type\": \"clip\"}]}", &host, e);'
        ;;
    planted_bugs_fit) plant tests/faults/planted/a.patch "$(printf 'test_a\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-a\n+b')" ;;
    docs_name_tests) plant docs/a.md 'shown by `test_a`' ;;
    guarantees_have_tests) plant docs/guarantees.md "$(seq -f '| G%g | promise | `test_a` |' 16)" ;;
    esac
}
plant() { mkdir -p "$(dirname "$1")" && echo "$2" >"$1"; }

for rule in $RULES; do
    tree=$(mktemp -d)
    cd "$tree" || exit 1
    breach "$rule"
    found=$(rule_$rule)
    [ -n "$found" ] || echo "rule $rule did not see the breach planted for it"
    [ -n "$found" ]
    check "$rule" $?
    cd "$source" && rm -rf "$tree"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
