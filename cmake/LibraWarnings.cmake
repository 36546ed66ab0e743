# SPDX-License-Identifier: GPL-2.0
#
# libra_warnings(<target>): the warnings that all of the project's own code is
# free of.
function(libra_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wconversion)
  if(LIBRA_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(LIBRA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-omit-frame-pointer)
    target_link_options(${target} PRIVATE -fsanitize=address,undefined)
  endif()
endfunction()
