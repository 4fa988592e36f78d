# From the text of a shader (spirv-dis) to one that computes as GPUs do, on a software device that does
# not: Fma is rounded once, which doubles give on a device that would round twice, and a quotient is a
# product with the reciprocal. A double's 53 bits hold the product of two floats whole.
function type_of(type) { sub(/float/, "double", type); return type }
function one_of(type) { return "%one_of_" substr(type, 2) }

/^ *OpCapability Shader/ { print; print "OpCapability Float64"; next }
$3 == "OpTypeFloat" && $4 == 32 {
    print
    print "%double = OpTypeFloat 64"
    print one_of($1) " = OpConstant " $1 " 1"
    next
}
$3 == "OpTypeVector" && $4 == "%float" {
    print
    print type_of($1) " = OpTypeVector %double " $5
    ones = ""
    for (i = 0; i < $5; i++) ones = ones " " one_of($4)
    print one_of($1) " = OpConstantComposite " $1 ones
    next
}
$3 == "OpExtInst" && $6 == "Fma" {
    double = type_of($4)
    for (i = 7; i <= 9; i++) print $1 "_" i " = OpFConvert " double " " $i
    print $1 "_p = OpFMul " double " " $1 "_7 " $1 "_8"
    print $1 "_s = OpFAdd " double " " $1 "_p " $1 "_9"
    print $1 " = OpFConvert " $4 " " $1 "_s"
    next
}
$3 == "OpFDiv" {
    print $1 "_r = OpFDiv " $4 " " one_of($4) " " $6
    print $1 " = OpFMul " $4 " " $5 " " $1 "_r"
    next
}
{ print }
