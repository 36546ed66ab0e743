// SPDX-License-Identifier: GPL-2.0
// Where the instructions of a request go, function by function: all blocks that ran in a guest are
// counted (blocks.c), in a guest with few requests and in one with many; what differs is theirs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

/// Instructions of one request by function. Those of all programs are under "user space".
struct Profile {
    std::map<std::string, double> functions;
    double module = 0; ///< in Libra and its parser
    double user = 0;
    double total = 0;
};

/// `few` and `many` are directories with the files `blocks` and `kallsyms` of a guest; between them
/// lie so many requests. Throws when a file is missing or says nothing.
Profile profile_of(const std::string& few, const std::string& many, std::uint64_t requests);

/// The functions whose costs differ most, and sums.
std::string table(const Profile& copy, const Profile& libra);
std::string to_json(const Profile& copy, const Profile& libra);

} // namespace bench
