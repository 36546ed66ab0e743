// SPDX-License-Identifier: GPL-2.0
#include "words.hpp"

namespace libra::detail {
namespace {

constexpr std::string_view blanks = " \t\r\n\v\f";

} // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    while (!(text = trim(text)).empty()) {
        const std::size_t end = text.find_first_of(blanks);
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end);
    }
    return words;
}

std::string_view trim(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

} // namespace libra::detail
