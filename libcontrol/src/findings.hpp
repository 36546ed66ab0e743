// SPDX-License-Identifier: GPL-2.0
#ifndef LIBRA_FINDINGS_HPP
#define LIBRA_FINDINGS_HPP

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <libra/inspect.hpp>

namespace libra::detail {

/// Collects findings, each text once, reasons to refuse in front of notes.
class Findings {
public:
    void refuse(std::string topic, std::string text) {
        add({Severity::refuse, std::move(topic), std::move(text)});
    }
    void note(std::string topic, std::string text) {
        add({Severity::note, std::move(topic), std::move(text)});
    }
    void add(Finding finding) {
        if (std::find(list_.begin(), list_.end(), finding) == list_.end())
            list_.push_back(std::move(finding));
    }
    void add_all(std::vector<Finding> findings) {
        for (Finding& each : findings)
            add(std::move(each));
    }
    std::vector<Finding> take() {
        std::stable_partition(list_.begin(), list_.end(), [](const Finding& each) {
            return each.severity == Severity::refuse;
        });
        return std::move(list_);
    }

private:
    std::vector<Finding> list_;
};

} // namespace libra::detail

#endif
