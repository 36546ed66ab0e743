# SPDX-License-Identifier: GPL-2.0
#
# libra_bpf_object(<source> <object>): compiles a BPF program.
find_program(LIBRA_CLANG NAMES clang clang-19 clang-17 clang-16 clang-15 clang-14)
if(NOT LIBRA_CLANG)
  message(FATAL_ERROR "clang is needed for the parsers; -DLIBRA_PARSERS=OFF builds without them")
endif()

function(libra_bpf_object source object)
  get_filename_component(name ${object} NAME)
  get_filename_component(directory ${object} DIRECTORY)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${directory}
    # -target bpf drops the multiarch directory, where asm/types.h lives
    COMMAND
      ${LIBRA_CLANG} -O2 -g -Wall -target bpf -mcpu=v3 -I${PROJECT_SOURCE_DIR}/bpf
      -I${PROJECT_SOURCE_DIR}/module -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -ffile-prefix-map=${PROJECT_SOURCE_DIR}/= -MD -MF ${object}.d -MT ${object} -c ${source} -o
      ${object}
    DEPENDS ${source}
    DEPFILE ${object}.d
    COMMENT "Building BPF object ${name}"
    VERBATIM)
endfunction()
