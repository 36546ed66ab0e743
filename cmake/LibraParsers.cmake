# SPDX-License-Identifier: GPL-2.0
#
# One object for each bpf/<name>.bpf.c: <build>/bpf/<name>.bpf.o, where a
# libractl that runs from the build tree finds it.
find_program(LIBRA_CLANG NAMES clang clang-19 clang-17 clang-16 clang-15 clang-14)
if(NOT LIBRA_CLANG)
  message(FATAL_ERROR "clang is needed for the parsers; -DLIBRA_PARSERS=OFF builds without them")
endif()

file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bpf/*.bpf.c)
set(objects "")
foreach(source IN LISTS sources)
  get_filename_component(name ${source} NAME)
  string(REGEX REPLACE "\\.c$" ".o" name ${name})
  set(object ${PROJECT_BINARY_DIR}/bpf/${name})
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/bpf
    # -target bpf drops the multiarch directory, where asm/types.h lives
    COMMAND
      ${LIBRA_CLANG} -O2 -g -Wall -target bpf -mcpu=v3 -I${PROJECT_SOURCE_DIR}/bpf
      -I${PROJECT_SOURCE_DIR}/module -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -MD -MF ${object}.d -MT ${object} -c ${source} -o
      ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Building parser ${name}"
    VERBATIM)
  list(APPEND objects ${object})
endforeach()

add_custom_target(libra-parsers ALL DEPENDS ${objects})
install(FILES ${objects} DESTINATION ${LIBRA_PARSER_DIR})

# What the author of a parser includes
if(EXISTS ${PROJECT_SOURCE_DIR}/bpf/libra_parser.h)
  install(FILES ${PROJECT_SOURCE_DIR}/bpf/libra_parser.h
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/libra)
endif()
