#!/bin/sh
# A shader as a GPU runs it that contracts: sh contract.sh OUT.inc GLSLC SPIRV-DIS SPIRV-AS FLAGS... SOURCE
# -O lets spirv-opt turn a * b + c into Fma wherever `precise` allows it; contract.awk does the rest.
set -eu
out=$1 glslc=$2 dis=$3 as=$4
shift 4
"$glslc" -O "$@" -MD -MF "$out.d" -MT "$out" -o "$out.spv"
"$dis" --no-color "$out.spv" | awk -f "$(dirname "$0")/contract.awk" > "$out.text"
"$as" --target-env vulkan1.2 -o "$out.spv" "$out.text"
od -An -v -tu4 "$out.spv" | sed 's/ *\([0-9][0-9]*\)/\1,/g' > "$out"
