// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_NEEDED_PARSER_HPP
#define LIBRACTL_NEEDED_PARSER_HPP

#include <filesystem>
#include <optional>
#include <string>

#include <libra/client.hpp>
#include <libra/parser_loader.hpp>

namespace libractl {

/// Loads the parser of a policy if it is not there, and takes it away again
/// unless keep() is called.
class NeededParser {
public:
    NeededParser(libra::Client& client, std::string name);
    NeededParser(const NeededParser&) = delete;
    NeededParser& operator=(const NeededParser&) = delete;
    ~NeededParser();

    void keep() noexcept { kept_ = true; }
    /// The file that it came from if it was loaded here.
    const std::optional<std::filesystem::path>& object() const noexcept { return object_; }

private:
    libra::Client& client_;
    std::string name_;
    libra::ParserLoader loader_;
    std::optional<std::filesystem::path> object_;
    bool kept_ = false;
};

} // namespace libractl

#endif
