# What a person meets before there is a binary: warnings stop the build in .ci/run and nowhere else.
. tests/checks.sh
source=$PWD

# --- Warnings ---

# configure NAME OPTION...: in $folder/NAME
configure() {
    name=$1
    shift
    cmake -S "$source" -B "$folder/$name" -G Ninja "$@" >"$folder/said" 2>&1
}
# flag NAME FLAG: how many commands of that build have it
flag() { grep -c -- " $2 " "$folder/$1/compile_commands.json"; }
all() { grep -c '"command"' "$folder/$1/compile_commands.json"; }

configure plain && good || bad "configure: $(cat "$folder/said")"
[ "$(flag plain -Werror)" = 0 ] && good || bad "-Werror without SAPWOOD_WERROR"
[ "$(flag plain -Wall)" = "$(all plain)" ] && good || bad "expected -Wall everywhere"
configure strict -DSAPWOOD_WERROR=ON && good || bad "configure: $(cat "$folder/said")"
[ "$(flag strict -Werror)" = "$(all strict)" ] && good || bad "expected -Werror everywhere with SAPWOOD_WERROR"
if command -v clang >/dev/null; then
    CC=clang configure clang -DSAPWOOD_SENTENCEPIECE=OFF && good || bad "clang: $(cat "$folder/said")"
    for option in $(grep -oh -- ' -W[a-z-]*' "$folder/clang/compile_commands.json" | sort -u); do
        : | clang -x c -fsyntax-only "$option" - 2>&1 | grep -q . && bad "clang does not know $option" || good
    done
else
    left_out clang
fi

# --- .ci/run ---

# stand_in COMMAND LINE: found before the real one; writes what it was asked for, then does LINE
mkdir "$folder/bin"
stand_in() {
    printf '#!/bin/sh\necho "%s $*" >>%s\n%s\n' "$1" "$folder/asked" "$2" >"$folder/bin/$1"
    chmod +x "$folder/bin/$1"
}
# asked WHAT LINE: whether that was asked for
asked() {
    grep -qxF -- "$2" "$folder/asked" && good || bad "$1: expected \"$2\", found: $(cat "$folder/asked" "$folder/said")"
    rm -f "$folder/asked"
}
stand_in cmake 'exit 1'
real=$PATH
PATH=$folder/bin:$PATH
SAPWOOD_SETUP=skip sh .ci/run >"$folder/said" 2>&1
asked ".ci/run" "cmake --preset release -DSAPWOOD_WERROR=ON"
SAPWOOD_SETUP=skip sh .ci/run --sanitize >"$folder/said" 2>&1
asked ".ci/run" "cmake --preset debug -DSAPWOOD_WERROR=ON"
(unset SAPWOOD_WERROR && SAPWOOD_SETUP=skip sh tests/run.sh) >"$folder/said" 2>&1
asked "tests/run.sh" "cmake --preset release"
PATH=$real
report
