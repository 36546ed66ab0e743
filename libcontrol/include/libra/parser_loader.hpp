// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_PARSER_LOADER_HPP
#define LIBRA_PARSER_LOADER_HPP

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <libra/client.hpp>
#include <libra/export.hpp>

namespace libra {

/// Where parsers are looked for by name, in this order:
///  1. the directories of $LIBRA_PARSER_PATH, separated by colons
///  2. ../bpf beside the running executable: a build tree
///  3. the installed directory, relative to the running executable
///  4. the installed directory as it was configured
LIBRA_API std::vector<std::filesystem::path> parser_search_path();

/// The object file that `name` means: itself when it has a slash or ends in
/// ".o", else <name>.bpf.o in the first directory of `search` that has it.
/// @throws Error not_found
LIBRA_API std::filesystem::path
find_parser_object(std::string_view name,
                   const std::vector<std::filesystem::path>& search = parser_search_path());

/// What load() did.
struct LoadedParser {
    std::string name;
    std::filesystem::path object;
    bool replaced = false; ///< took the place of a parser of that name
};

/// Loads, replaces and unloads parsers. A loaded parser is held by pins in
/// bpffs, <pin root>/<name>/link and one for each of its maps, and outlives the
/// process. Needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON.
class LIBRA_API ParserLoader {
public:
    explicit ParserLoader(std::filesystem::path pin_root = "/sys/fs/bpf/libra");

    /// Loads an object with one struct_ops of type libra_parser_ops.
    /// @param replace put it in the place of a loaded one of the same name,
    ///        under load; streams that are under way keep their state only when
    ///        both have the same state version
    /// @throws Error verifier: rejected, detail() is the verifier's log;
    ///         not_found: no such file; no_module; failed with EEXIST: a parser of
    ///         that name is loaded and `replace` is false
    LoadedParser load(const std::filesystem::path& object, bool replace);

    /// Takes the pins away and waits until the kernel has let the parser go.
    /// @throws Error not_found; failed with EBUSY: a policy names it. A policy
    ///         that is added at the same moment is not seen: its streams are copied
    void unload(Client& client, const std::string& name);

    /// Names that have pins.
    std::vector<std::string> pinned() const;

private:
    std::filesystem::path pin_root_;
};

} // namespace libra

#endif
