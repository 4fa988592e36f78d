# Compiles every shaders/*.comp with glslc, checks it with spirv-val where there is one, and embeds
# the SPIR-V in sapwood_models under its file name (models/vk/vk_shader.h).
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

# Writes the C file TABLE: the shaders of shaders/, from FOLDER/NAME.inc.
function(shader_table table folder)
  set(outputs "")
  set(arrays "")
  set(entries "")
  foreach(source IN LISTS shader_sources)
    get_filename_component(name ${source} NAME_WE)
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

foreach(source IN LISTS shader_sources)
  get_filename_component(name ${source} NAME_WE)
  set(binary ${shader_folder}/${name}.spv)
  set(numbers ${shader_folder}/${name}.inc)
  set(compile ${GLSLC} ${shader_flags})
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
