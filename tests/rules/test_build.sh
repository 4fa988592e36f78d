# What a person meets before there is a binary: warnings stop the build in .ci/run and nowhere else, a
# missing Abseil is named, and tests/setup.sh knows which system it is on.
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

# --- SentencePiece ---

# A header of today's; nothing is compiled with it here.
mkdir "$folder/newer"
echo '#include <absl/status/status.h>' >"$folder/newer/sentencepiece_processor.h"
configure newer "-DSENTENCEPIECE_INCLUDE_DIR=$folder/newer" "-DSENTENCEPIECE_LIBRARY=-lsentencepiece"
code=$?
if pkg-config --exists absl_status; then
    [ $code = 0 ] && grep -q absl_status "$folder/newer/build.ninja" && good || bad "Abseil is not linked: $(cat "$folder/said")"
else
    [ $code != 0 ] && grep -q "libabsl-dev" "$folder/said" && good || bad "Abseil is missing, unsaid: $(cat "$folder/said")"
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

# --- tests/setup.sh ---

stand_in id 'echo 0'
stand_in dpkg-query 'exit 1'
stand_in apt-get ''
# setup ID VERSION LIKE GROUP...: on such a system
setup() {
    printf 'ID=%s\nVERSION_ID="%s"\nID_LIKE="%s"\n' "$1" "$2" "$3" >"$folder/os-release"
    shift 3
    rm -f "$folder/asked"
    SAPWOOD_SETUP= SAPWOOD_OS_RELEASE=$folder/os-release sh tests/setup.sh "$@" >"$folder/said" 2>&1
}
# installs WHAT PACKAGE...: apt-get was asked to install these, and those with a - before them not
installs() {
    what=$1
    shift
    sed -n 's/^apt-get install .*--no-install-recommends//p' "$folder/asked" | tr ' ' '\n' >"$folder/packages"
    for package in "$@"; do
        case $package in
        -*) ! grep -qx -- "${package#-}" "$folder/packages" ;;
        *) grep -qx -- "$package" "$folder/packages" ;;
        esac && good || bad "$what: $package, found: $(cat "$folder/packages" "$folder/said")"
    done
}
for system in "debian 12" "debian 13"; do
    setup $system "" build test fuzz && good || bad "$system: $(cat "$folder/said")"
    installs "$system" gcc libjpeg-dev ca-certificates chromium-common libclang-rt-dev -libabsl-dev -libjpeg62-turbo-dev
    grep -q "trying" "$folder/said" && bad "$system: $(cat "$folder/said")" || good
done
setup ubuntu 24.04 debian build test && good || bad "ubuntu 24.04: $(cat "$folder/said")"
installs "ubuntu 24.04" gcc libjpeg-dev mesa-vulkan-drivers -chromium-common
grep -q "trying" "$folder/said" && bad "ubuntu 24.04: $(cat "$folder/said")" || good
for system in "debian '' ''" "linuxmint 22 ubuntu" "ubuntu 25.10 debian"; do
    eval "setup $system build" && good || bad "$system: $(cat "$folder/said")"
    installs "$system" gcc
    grep -q "trying the packages of" "$folder/said" && good || bad "$system: $(cat "$folder/said")"
done
setup debian "" "" build
installs "debian sid" libabsl-dev
# prints WHAT PATTERN: and installed nothing
prints() {
    grep -q -- "$2" "$folder/said" && ! grep -q '^apt-get' "$folder/asked" 2>/dev/null && good ||
        bad "$1: expected \"$2\", found: $(cat "$folder/said")"
}
setup fedora 42 "" build && bad "fedora: expected 1" || prints fedora '^  sudo dnf install gcc .*cjson-devel'
setup nobara 42 fedora build && bad "nobara: expected 1" || prints nobara '^  sudo dnf install gcc '
setup arch "" "" build && bad "arch: expected 1" || prints arch '^  sudo pacman -S --needed gcc .*shaderc'
setup alpine 3.20 "" build && bad "alpine: expected 1" || prints alpine '^  libcjson-dev$'
setup debian 13 "" peers && bad "peers of debian 13: expected 1" || prints "peers" "PyTorch of Debian 12"
PATH=$real
report
