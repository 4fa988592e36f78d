#!/bin/sh
# Installs what is missing for building, testing or the demo: sh tests/setup.sh GROUP...
#   build  compiler, libraries, shader compiler
#   test   two software Vulkan devices, the validation layer, SPIR-V tools, a web server
#   fuzz   clang with libFuzzer, coverage
#   demo   real image-text data and the tools that unpack it
#   peers  what we are compared with: PyTorch, and in build-peers/ the packages of
#          tests/peers/requirements.txt; Debian 12 alone has the PyTorch that they go with
# For Debian 12 and 13 and Ubuntu 24.04; a system that descends from them is tried with the same
# names. Installs as root or through sudo; otherwise prints the one line to run and ends with 1. On
# any other system it prints what is needed (for Fedora and Arch the line to run) and ends with 1;
# install that by hand and set SAPWOOD_SETUP=skip.
set -eu

packages_of() {
    case $1 in
    # gcc only recommends libc6-dev, and recommended packages are not installed. Without
    # ca-certificates no server of shards is believed.
    build) echo "gcc libc6-dev cmake ninja-build pkg-config libopenblas-dev libarchive-dev
        libcjson-dev libstb-dev libjpeg-dev libwebp-dev libxxhash-dev zlib1g-dev
        libcurl4-openssl-dev libvulkan-dev glslc g++ libsentencepiece-dev$abseil ca-certificates" ;;
    # python3 and openssl: a web server with faults, and its certificate. procps: tests that send signals.
    # git: planted bugs.
    test) echo "mesa-vulkan-drivers$swiftshader vulkan-validationlayers spirv-tools python3 openssl procps
        git" ;;
    fuzz) echo "clang libclang-rt-dev llvm" ;;
    demo) echo "fonts-noto-color-emoji unicode-cldr-core openclipart-png openclipart-svg
        tuxpaint-stamps-default dataset-fashion-mnist python3-pil python3-fonttools
        python3-numpy" ;;
    peers) echo "python3-torch python3-torchvision python3-pil python3-numpy python3-scipy python3-yaml
        python3-requests python3-tqdm python3-venv python3-pip python3-boto3 python3-flask
        python3-flask-cors python3-xmltodict python3-responses python3-cryptography xz-utils bzip2
        zstd lz4" ;;
    *)
        echo "setup: group '$1'; expected build, test, fuzz, demo or peers" >&2
        exit 2
        ;;
    esac
}

# A virtual environment over Debian's python3-torch. Without --no-deps pip would fetch a second one.
make_peers() {
    peers=$(dirname "$0")/../build-peers
    list=$(dirname "$0")/peers/requirements.txt
    ! cmp -s "$list" "$peers/requirements.txt" || return 0
    echo "setup: installing tests/peers/requirements.txt into build-peers/"
    rm -rf "$peers"
    /usr/bin/python3 -m venv --system-site-packages "$peers"
    if ! "$peers/bin/python" -m pip install --quiet --no-deps -r "$list"; then
        echo "setup: pip failed (its words are above); run 'sh tests/setup.sh peers' again" >&2
        exit 1
    fi
    cp "$list" "$peers/requirements.txt"
}

# The same for the build alone, by the lists of those systems; nobody has run these.
FEDORA="gcc gcc-c++ cmake ninja-build pkgconf-pkg-config openblas-devel libarchive-devel cjson-devel
    stb_image-devel libjpeg-turbo-devel libwebp-devel xxhash-devel zlib-devel libcurl-devel
    vulkan-loader-devel glslc sentencepiece-devel abseil-cpp-devel"
ARCH="gcc cmake ninja pkgconf openblas libarchive cjson stb libjpeg-turbo libwebp xxhash zlib curl
    vulkan-headers vulkan-icd-loader shaderc sentencepiece abseil-cpp"

[ "${SAPWOOD_SETUP:-}" != skip ] || exit 0
release=${SAPWOOD_OS_RELEASE:-/etc/os-release} # another file: for the tests of this script
system=$(. "$release" 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}") || system=unknown
family=$(. "$release" 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}") || family=

abseil=
swiftshader=" chromium-common" # SwiftShader, the second Vulkan implementation, comes with Chromium
case $system in
"debian 12" | "debian 13") ;;
"ubuntu "*) swiftshader= ;; # Chromium is a snap there: the tests on SwiftShader skip
*) abseil=" libabsl-dev" ;; # newer headers of SentencePiece include it, and its package does not ask for it
esac

wanted=
with_peers=
for group in "$@"; do
    list=$(packages_of "$group")
    wanted="$wanted $list"
    [ "$group" != peers ] || with_peers=yes
done
if [ "$with_peers" ] && [ "$system" != "debian 12" ]; then
    echo "setup: this system is '$system'; the comparisons (group peers) are made with the PyTorch of Debian 12" >&2
    exit 1
fi

case $system in
"debian 12" | "debian 13" | "ubuntu 24.04") ;;
*)
    case " $family " in
    *" debian "* | *" ubuntu "*)
        echo "setup: this system is '$system'; trying the packages of Debian 13 and Ubuntu 24.04" >&2
        ;;
    *)
        echo "setup: this system is '$system'; packages are installed on Debian 12 and 13 and Ubuntu 24.04." >&2
        case " $family " in
        *" fedora "*) echo "To build (untested):
  sudo dnf install" $FEDORA >&2 ;;
        *" arch "*) echo "To build (untested):
  sudo pacman -S --needed" $ARCH >&2 ;;
        *)
            echo "Needed, by their names there:" >&2
            echo $wanted | tr ' ' '\n' | sed 's/^/  /' >&2
            ;;
        esac
        echo "Install the equivalents, then run again with SAPWOOD_SETUP=skip." >&2
        exit 1
        ;;
    esac
    ;;
esac

missing=
for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    [ -z "$with_peers" ] || make_peers
    exit 0
fi

line="apt-get update && apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ] && sudo -v; }; then
    as_root=sudo
else
    echo "setup: packages are missing and this is neither root nor able to use sudo; run:" >&2
    echo "  su -c '$line'" >&2
    exit 1
fi

echo "setup: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "setup: apt-get failed (its last lines are above); when it can work again, run:" >&2
    echo "  $line" >&2
    exit 1
fi
[ -z "$with_peers" ] || make_peers
