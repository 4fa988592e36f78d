# version.c for pipeline/base/version.h. Included, it says how the build makes the file; with
# `cmake -P` it makes it (OUT), or without OUT prints the digest of the sources in ROOT.
#
# A source decides numbers when it is of the model, the data, the run or its evaluation: not the
# command line, and not the shaders, whose SPIR-V is part of the fact "numerics" where it is used.
# Names and contents are hashed, never a path or a time: equal sources have an equal digest anywhere.
set(version_patterns "")
foreach(folder data models pipeline/base pipeline/recipe pipeline/run pipeline/continual pipeline/train
               pipeline/features pipeline/eval shaders/params)
  list(APPEND version_patterns ${folder}/*.c ${folder}/*.cc ${folder}/*.h)
endforeach()
list(APPEND version_patterns models/clip/configs/*.json)

if(NOT CMAKE_SCRIPT_MODE_FILE)
  list(TRANSFORM version_patterns PREPEND ${PROJECT_SOURCE_DIR}/)
  file(GLOB_RECURSE version_sources CONFIGURE_DEPENDS ${version_patterns})
  # Flags without those that only warn, add symbols or name folders.
  get_directory_property(flags COMPILE_OPTIONS)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" upper)
  separate_arguments(flags_of_type UNIX_COMMAND "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${upper}}")
  list(APPEND flags ${flags_of_type})
  list(FILTER flags EXCLUDE REGEX "^-W|^-g|^-pipe$|-prefix-map=|^-fdiagnostics|^\\$<")
  string(JOIN " " flags ${flags} ${CMAKE_SYSTEM_PROCESSOR})
  string(SHA256 flags "${flags}")
  string(SUBSTRING ${flags} 0 8 flags)
  set(output ${PROJECT_BINARY_DIR}/version.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -DOUT=${output}
            "-DBUILT=${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION} flags ${flags}"
            -DRELEASE=${PROJECT_VERSION} -P ${CMAKE_CURRENT_LIST_FILE}
    DEPENDS ${version_sources} ${CMAKE_CURRENT_LIST_FILE}
    COMMENT "digest of the sources"
    VERBATIM)
  target_sources(sapwood_base PRIVATE ${output})
  return()
endif()

list(TRANSFORM version_patterns PREPEND ${ROOT}/)
file(GLOB_RECURSE sources RELATIVE ${ROOT} ${version_patterns})
list(SORT sources)
set(all "")
foreach(source IN LISTS sources)
  file(SHA256 ${ROOT}/${source} digest)
  string(APPEND all "${source} ${digest}\n")
endforeach()
string(SHA256 code "${all}")
string(SUBSTRING ${code} 0 16 code)
if(NOT OUT)
  message(STATUS "${code}")
  return()
endif()
file(WRITE ${OUT} "/* Made by pipeline/base/version.cmake. */
#include \"pipeline/base/version.h\"

const char version_code[] = \"code ${code} ${BUILT}\";
const char version_full[] = \"${RELEASE} code ${code} ${BUILT}\";
")
