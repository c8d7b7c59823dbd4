// What a whole report comes to: how namespaces stand, which resources are worst, and what to mend
// first.
//
// Ownership: owns its text. Thread-safety: one a thread.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/report.h"

namespace plimsoll::report {

/// Findings by Severity.
using Counts = std::array<std::size_t, 4>;

struct NamespacePosture {
  std::size_t judged = 0, passed = 0;  ///< resources
  Counts findings{};
};

struct WorstResource {
  std::string kind, namespace_name, name;
  Counts findings{};
};

/// A change that is made everywhere: what one check finds is mended. What else is found where
/// something critical is, is mended with that.
struct FirstStep {
  const Check* check = nullptr;
  /// Of the check, and those that have some; without what is mended with something else.
  std::size_t findings = 0, resources = 0;
  std::size_t freed = 0;  ///< that pass then and did not before
};

class Posture {
 public:
  /// So many resources are kept as the worst ones.
  static constexpr std::size_t kWorst = 8;

  void add(const Resource& resource);

  /// By name.
  [[nodiscard]] const std::map<std::string, NamespacePosture>& namespaces() const {
    return namespaces_;
  }
  /// Worst first: the one with more of the worst findings.
  [[nodiscard]] const std::vector<WorstResource>& worst() const { return worst_; }
  /// One after the other, each the one that frees most resources after those before it; of several
  /// the worst, and of these the one that is missing in most. At most `most`.
  [[nodiscard]] std::vector<FirstStep> first_steps(std::size_t most) const;

 private:
  using Checks = std::vector<const Check*>;  // sorted by id; each once

  void add_worst(const Resource& resource, const Counts& findings);

  std::map<std::string, NamespacePosture> namespaces_;
  std::vector<WorstResource> worst_;
  std::map<Checks, std::size_t> failed_;          // resources by what is found in them
  std::map<const Check*, std::size_t> findings_;  // by check, of such steps
};

}  // namespace plimsoll::report
