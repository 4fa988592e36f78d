# Compiles every shaders/*.comp with glslc, checks it with spirv-val where there is one, and embeds
# the SPIR-V in sapwood_models under the name of the build (models/vk/vk_shader.h).
find_program(GLSLC glslc REQUIRED)
find_program(SPIRV_VAL spirv-val)
if(NOT SPIRV_VAL)
  message(STATUS "spirv-val not found: shaders are not checked (Debian: spirv-tools)")
endif()

set(shader_folder ${PROJECT_BINARY_DIR}/shaders)
file(MAKE_DIRECTORY ${shader_folder})
# Without -O: spirv-opt makes an explicit Fma of a * b + c, one rounding where the CPU and a driver that
# does not contract have two.
set(shader_flags --target-env=vulkan1.2 -Werror -I${PROJECT_SOURCE_DIR})
file(GLOB shader_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/shaders/*.comp)
list(SORT shader_sources)

# A source is built once, under its own name, unless this list names its builds:
# NAME SOURCE DEFINES...
# BLOCK, A_IS_TURNED, B_IS_TURNED: shaders/gemm.comp
# B_16, B_WORDS: shaders/common/gemm_operands.glsl
# SUBGROUP: sums within subgroups, shaders/common/row.glsl
set(shader_build_list
  "attention_bwd attention_bwd"
  "attention_bwd_subgroup attention_bwd SUBGROUP"
  "attention_fwd attention_fwd"
  "attention_fwd_subgroup attention_fwd SUBGROUP"
  "gemm_nn gemm BLOCK=4"
  "gemm_nn_8 gemm BLOCK=8"
  "gemm_nt gemm BLOCK=4 B_IS_TURNED"
  "gemm_nt_8 gemm BLOCK=8 B_IS_TURNED"
  "gemm_tn gemm BLOCK=4 A_IS_TURNED"
  "gemm_tn_8 gemm BLOCK=8 A_IS_TURNED"
  "gemm_nn_16 gemm BLOCK=4 B_16"
  "gemm_nn_words gemm BLOCK=4 B_WORDS"
  "gemm_nn_8_16 gemm BLOCK=8 B_16"
  "gemm_nn_8_words gemm BLOCK=8 B_WORDS"
  "gemm_nt_16 gemm BLOCK=4 B_16 B_IS_TURNED"
  "gemm_nt_words gemm BLOCK=4 B_WORDS B_IS_TURNED"
  "gemm_nt_8_16 gemm BLOCK=8 B_16 B_IS_TURNED"
  "gemm_nt_8_words gemm BLOCK=8 B_WORDS B_IS_TURNED"
  "gemm_small gemm_small"
  "gemm_small_16 gemm_small B_16"
  "gemm_small_words gemm_small B_WORDS"
  "layernorm_bwd layernorm_bwd"
  "layernorm_bwd_subgroup layernorm_bwd SUBGROUP"
  "layernorm_fwd layernorm_fwd"
  "layernorm_fwd_subgroup layernorm_fwd SUBGROUP"
)

# For each name of shader_builds: shader_source_NAME and shader_defines_NAME (-D...).
set(shader_builds "")
foreach(line IN LISTS shader_build_list)
  separate_arguments(words UNIX_COMMAND "${line}")
  list(POP_FRONT words name source)
  list(APPEND shader_builds ${name})
  list(APPEND listed_sources ${source})
  set(shader_source_${name} ${PROJECT_SOURCE_DIR}/shaders/${source}.comp)
  list(TRANSFORM words PREPEND -D OUTPUT_VARIABLE shader_defines_${name})
endforeach()
foreach(source IN LISTS shader_sources)
  get_filename_component(name ${source} NAME_WE)
  if(NOT name IN_LIST listed_sources)
    list(APPEND shader_builds ${name})
    set(shader_source_${name} ${source})
    set(shader_defines_${name} "")
  endif()
endforeach()
list(SORT shader_builds)

# Writes the C file TABLE: the shaders of shaders/, from FOLDER/NAME.inc.
function(shader_table table folder)
  set(outputs "")
  set(arrays "")
  set(entries "")
  foreach(name IN LISTS shader_builds)
    list(APPEND outputs ${folder}/${name}.inc)
    string(APPEND arrays "static const uint32_t ${name}[] = {\n#include \"${name}.inc\"\n};\n")
    string(APPEND entries "    {\"${name}\", ${name}, sizeof ${name}},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${table} CONTENT
"/* Made by shaders/embed.cmake. */
#include \"models/vk/vk_shader.h\"

${arrays}
const struct vk_shader vk_shader_table[] = {
${entries}    {0, 0, 0},
};
")
  set_source_files_properties(${table} PROPERTIES OBJECT_DEPENDS "${outputs}"
                              INCLUDE_DIRECTORIES ${folder})
endfunction()

foreach(name IN LISTS shader_builds)
  set(source ${shader_source_${name}})
  set(binary ${shader_folder}/${name}.spv)
  set(numbers ${shader_folder}/${name}.inc)
  set(compile ${GLSLC} ${shader_flags} ${shader_defines_${name}})
  set(check "")
  if(SPIRV_VAL)
    set(check COMMAND ${SPIRV_VAL} --target-env vulkan1.2 ${binary})
  endif()
  add_custom_command(
    OUTPUT ${numbers} ${binary}
    COMMAND ${compile} -o ${binary} ${source}
    ${check}
    COMMAND ${compile} -MD -MF ${numbers}.d -mfmt=num -o ${numbers} ${source}
    DEPENDS ${source}
    DEPFILE ${numbers}.d
    COMMENT "shader ${name}"
    VERBATIM)
endforeach()

shader_table(${shader_folder}/vk_shader_table.c ${shader_folder})
target_sources(sapwood_models PRIVATE ${shader_folder}/vk_shader_table.c)
