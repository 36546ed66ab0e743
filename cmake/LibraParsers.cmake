# SPDX-License-Identifier: GPL-2.0
#
# One object for each bpf/<name>.bpf.c: <build>/bpf/<name>.bpf.o, where a
# libractl that runs from the build tree finds it.
include(LibraBpf)

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bpf/*.bpf.c)
set(objects "")
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME)
  string(REGEX REPLACE "\\.c$" ".o" name ${name})
  set(object ${PROJECT_BINARY_DIR}/bpf/${name})
  libra_bpf_object(${source} ${object})
  list(APPEND objects ${object})
endforeach()

add_custom_target(libra-parsers ALL DEPENDS ${objects})
install(FILES ${objects} DESTINATION ${LIBRA_PARSER_DIR})

# What the author of a parser includes
if(EXISTS ${PROJECT_SOURCE_DIR}/bpf/libra_parser.h)
  install(FILES ${PROJECT_SOURCE_DIR}/bpf/libra_parser.h
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/libra)
endif()
