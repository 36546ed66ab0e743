// SPDX-License-Identifier: GPL-2.0
#include "profile.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

namespace {

constexpr const char* user_space = "user space";

struct Symbol {
    std::uint64_t address = 0;
    std::string name;
    bool module = false; ///< of Libra, or of a BPF program
};

std::ifstream open(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error(fmt::format("cannot read {}", path));
    }
    return file;
}

/// Functions, by address.
std::vector<Symbol> symbols_of(const std::string& path) {
    std::vector<Symbol> symbols;
    auto file = open(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        Symbol symbol;
        std::string kind;
        std::string owner;
        words >> std::hex >> symbol.address >> kind >> symbol.name >> owner;
        if (words.fail() && symbol.name.empty()) {
            throw std::runtime_error(fmt::format("{} has no symbols: {}", path, line));
        }
        symbol.module = owner == "[libra]" || owner == "[bpf]";
        if (symbol.address != 0 && (kind == "t" || kind == "T")) {
            symbols.push_back(symbol);
        }
    }
    if (symbols.empty()) {
        throw std::runtime_error(
            fmt::format("{} has no addresses: kernel.kptr_restrict hides them", path));
    }
    std::stable_sort(symbols.begin(), symbols.end(), [](const Symbol& one, const Symbol& other) {
        return one.address < other.address;
    });
    return symbols;
}

struct Counted {
    std::map<std::string, double> functions;
    std::set<std::string> module;
};

Counted count(const std::string& directory) {
    const std::vector<Symbol> symbols = symbols_of(directory + "/kallsyms");
    Counted counted;
    std::uint64_t address = 0;
    std::uint64_t instructions = 0;
    std::uint64_t begun = 0;
    auto file = open(directory + "/blocks");
    while (file >> std::hex >> address >> std::dec >> instructions >> begun) {
        const auto cost = static_cast<double>(instructions) * static_cast<double>(begun);
        const auto behind = std::upper_bound(
            symbols.begin(), symbols.end(), address,
            [](std::uint64_t at, const Symbol& symbol) { return at < symbol.address; });
        if (address >> 63 == 0 || behind == symbols.begin()) {
            counted.functions[user_space] += cost;
            continue;
        }
        const Symbol& symbol = *std::prev(behind);
        counted.functions[symbol.name] += cost;
        if (symbol.module) {
            counted.module.insert(symbol.name);
        }
    }
    if (counted.functions.empty()) {
        throw std::runtime_error(fmt::format("{}/blocks is empty", directory));
    }
    return counted;
}

double cost_of(const Profile& profile, const std::string& function) {
    const auto found = profile.functions.find(function);
    return found == profile.functions.end() ? 0 : found->second;
}

/// Those that differ most first.
std::vector<std::string> by_difference(const Profile& copy, const Profile& libra) {
    std::set<std::string> names;
    for (const Profile* each : {&copy, &libra}) {
        for (const auto& [name, cost] : each->functions) {
            names.insert(name);
        }
    }
    std::vector<std::string> sorted(names.begin(), names.end());
    const auto difference = [&](const std::string& name) {
        return std::abs(cost_of(libra, name) - cost_of(copy, name));
    };
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](const std::string& one, const std::string& other) {
                         return difference(one) > difference(other);
                     });
    return sorted;
}

std::string line(const std::string& what, double copy, double libra) {
    return fmt::format("{:>12.0f} {:>12.0f} {:>+12.0f}  {}\n", copy, libra, libra - copy, what);
}

} // namespace

Profile profile_of(const std::string& few, const std::string& many, std::uint64_t requests) {
    const Counted before = count(few);
    const Counted after = count(many);
    Profile profile;
    for (const auto& [name, cost] : after.functions) {
        const auto found = before.functions.find(name);
        const double grown = cost - (found == before.functions.end() ? 0 : found->second);
        const double each = grown / static_cast<double>(requests);
        profile.functions[name] = each;
        profile.total += each;
        profile.module += after.module.contains(name) ? each : 0;
    }
    profile.user = cost_of(profile, user_space);
    return profile;
}

std::string table(const Profile& copy, const Profile& libra) {
    constexpr std::size_t most = 50;
    std::string text = fmt::format("{:>12} {:>12} {:>12}  {}\n", "copy", "libra", "difference",
                                   "function, instructions a request in the whole guest");
    std::vector<std::string> names = by_difference(copy, libra);
    names.resize(std::min(names.size(), most));
    for (const std::string& name : names) {
        text += line(name, cost_of(copy, name), cost_of(libra, name));
    }
    text += line("in all: the module and its parser", copy.module, libra.module);
    text += line("in all: user space", copy.user, libra.user);
    text += line("in all", copy.total, libra.total);
    return text;
}

std::string to_json(const Profile& copy, const Profile& libra) {
    nlohmann::json rows = nlohmann::json::array();
    for (const std::string& name : by_difference(copy, libra)) {
        rows.push_back({{"function", name},
                        {"copy", std::llround(cost_of(copy, name))},
                        {"libra", std::llround(cost_of(libra, name))}});
    }
    return rows.dump(2) + "\n";
}

} // namespace bench
