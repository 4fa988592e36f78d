# Makes ${output}: the files of models/clip/configs/ as the table of models/clip/architecture.h.
file(GLOB configs CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.json)
list(SORT configs)
set(output ${PROJECT_BINARY_DIR}/architecture_configs.c)
set(entries "")
list(LENGTH configs n_configs)
foreach(config IN LISTS configs)
  get_filename_component(name ${config} NAME_WLE)
  file(READ ${config} text)
  string(REGEX REPLACE "[ \n]+" " " text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(APPEND entries "    {\"${name}\", \"${text}\"},\n")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${config})
endforeach()
file(CONFIGURE OUTPUT ${output} CONTENT
"#include \"models/clip/architecture.h\"

const struct architecture_config architecture_configs[] = {
@entries@};
const int n_architecture_configs = @n_configs@;
" @ONLY)
target_sources(sapwood_models PRIVATE ${output})
