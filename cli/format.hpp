// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRACTL_FORMAT_HPP
#define LIBRACTL_FORMAT_HPP

#include <string>
#include <string_view>
#include <vector>

#include <libra/advise.hpp>
#include <libra/attach.hpp>
#include <libra/message_class.hpp>
#include <libra/types.hpp>

/// Text for people. Everything ends in a newline; nothing here touches the
/// kernel or the terminal.
namespace libractl {

/// Columns as wide as their widest cell, two blanks between them.
class Table {
public:
    explicit Table(std::vector<std::string> head);
    void add(std::vector<std::string> row);
    std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

/// "1 policy", "2 policies"
std::string count(std::uint64_t number, std::string_view one, std::string_view many);

/// "10.0.0.1:80", "[::1]:80", "-" when there is none.
std::string format_endpoint(const libra::Endpoint& endpoint);

/// "synced", or "opaque (late)" with the reason where there is one.
std::string format_stream(libra::StreamState state, libra::Reason reason);

std::string format_status(const libra::Config& config, const libra::Stats& stats);
std::string format_policies(const std::vector<libra::Policy>& policies);
std::string format_sockets(const std::vector<libra::Socket>& sockets);
std::string format_domains(const std::vector<libra::Domain>& domains);
std::string format_classes(const std::vector<libra::MessageClass>& classes);
/// One line.
std::string format_event(const libra::ClassEvent& event);
std::string format_parsers(const std::vector<libra::Parser>& parsers);
std::string format_limits(const libra::Config& config, const std::vector<libra::Policy>& policies);
std::string format_stats(const libra::Stats& stats);
std::string format_attach(const libra::PolicySpec& spec, const libra::AttachReport& report);

/// `responses "200 image/png" to "GET"`
std::string name_class(libra::Side side, const std::string& label, const std::string& for_label);

/// How a process was watched for an advice.
struct Watched {
    std::uint32_t pid = 0;        ///< that was asked for
    libra::PolicySpec spec;       ///< of the policy that watched
    std::uint32_t found = 0;      ///< its id, if it was there before
    std::uint64_t seconds = 0;    ///< 0: not at all, what the policy had seen was read
    std::uint32_t processes = 0;  ///< that were watched
    std::uint32_t late = 0;       ///< connections that were open already, and so not compared
    std::uint32_t unattached = 0; ///< sockets that could not be attached
};

/// The command line that follows from an advice; empty when there is nothing to do.
std::string recommend_command(const libra::Advice& advice, const Watched& watched);
/// What would be gained, what must not be elided, and the recommended command.
std::string format_advice(const libra::Advice& advice, const Watched& watched);

} // namespace libractl

#endif
