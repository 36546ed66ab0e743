// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_ADVISE_HPP
#define LIBRA_ADVISE_HPP

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <libra/attach.hpp>
#include <libra/client.hpp>
#include <libra/export.hpp>
#include <libra/inspect.hpp>
#include <libra/message_class.hpp>
#include <libra/types.hpp>

/// Whether to elide in a process, from what mode verify saw of it.
namespace libra {

/// What was seen of one process and its descendants.
struct Evidence {
    std::vector<MessageClass> classes; ///< of all its domains
    std::vector<Domain> domains;
    std::vector<Finding> findings;               ///< of inspect()
    std::uint32_t proof = proof_default;         ///< of the policy that watched
    std::uint32_t threshold = threshold_default; ///< likewise
};

enum class Verdict : std::uint8_t {
    verbatim,    ///< all went out as they came in
    few,         ///< so did these, but they are too few to tell
    strays,      ///< nearly all did; a few never went out, as when a client goes away
    unforwarded, ///< read, cached, compressed or dropped by the process
    altered,     ///< changed by the process
    /// Some of both, and verbatim ones enough to be taken for proven: what makes
    /// the difference is not in the class, so mode auto could elide the wrong ones.
    mixed,
};

/// A class of messages as all domains together saw it.
struct ClassAdvice {
    Side side = Side::request;
    std::string label;
    std::string for_label;
    Verdict verdict = Verdict::few;
    bool small = false;         ///< bodies below the threshold on average: nothing to gain, no harm
    std::uint64_t messages = 0; ///< those below and the verbatim ones
    std::uint64_t altered = 0;  ///< messages
    std::uint64_t unforwarded = 0; ///< messages
    std::uint64_t bytes = 0;       ///< payload that went out as it came in

    /// Nothing speaks against eliding it; it need not be worth it.
    LIBRA_API bool may_be_elided() const noexcept;
};

enum class Recommendation : std::uint8_t {
    watch, ///< nothing was seen: watch again, while there is traffic
    none,  ///< elide nothing
    auto_, ///< "auto": mode auto, which keeps off some classes
    elide, ///< mode elide
};

struct Advice {
    Recommendation recommendation = Recommendation::watch;
    std::vector<ClassAdvice> classes; ///< what may be elided first, then by bytes and messages
    std::vector<Finding> findings;    ///< of inspect() and of the gate; reasons to refuse first
    std::uint64_t messages = 0;       ///< of all classes
    std::uint64_t elidable = 0;       ///< of the classes that may be elided and are not small
    std::uint64_t bytes = 0;          ///< payload that went out as it came in, of those classes
};

/// What follows from the evidence. Pure.
LIBRA_API Advice advise(const Evidence& evidence);

/// Short lower-case words, the same as in JSON.
LIBRA_API std::string to_string(Verdict verdict);
LIBRA_API std::string to_string(Recommendation recommendation);

/// Watches a process in mode verify, until it is destroyed: by the policy that
/// is in force for it when that has mode verify or auto, else by one of its own.
class LIBRA_API Trial {
public:
    /// @param spec a pid, and what else the policy of its own is to have; the
    ///        mode is verify whatever it says
    /// @throws Error failed with EBUSY: a policy in another mode is in force for
    ///         the process, or a part of it; what attach() throws
    Trial(Client& client, PolicySpec spec);
    Trial(Trial&&) noexcept;
    Trial& operator=(Trial&&) noexcept;
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;
    /// Takes a policy of its own back.
    ~Trial();

    /// The policy that was there before; null: there was none.
    const Policy* found() const noexcept;
    /// What the attach of its own policy did; empty with found().
    const AttachReport& report() const noexcept;

    /// Reads the classes and domains. What was seen of a process that has ended
    /// since is kept, so call it every now and then.
    /// @return false when the process itself has ended
    bool look();
    /// What look() saw; no findings.
    const Evidence& evidence() const noexcept;

    /// Takes a policy of its own back now. @throws what Client::delete_policy() throws
    void finish();

private:
    class LIBRA_HIDDEN Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace libra

#endif
