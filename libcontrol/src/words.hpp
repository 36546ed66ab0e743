// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_WORDS_HPP
#define LIBRA_WORDS_HPP

#include <string>
#include <string_view>
#include <vector>

namespace libra::detail {

/// The parts between separators; an empty text has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The parts between runs of white space; never empty ones.
std::vector<std::string> split_words(std::string_view text);

/// Without white space at both ends.
std::string_view trim(std::string_view text);

} // namespace libra::detail

#endif
