// The labels of a namespace that bind templates to it.
//
// Thread-safety: pure.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace plimsoll::policy {

/// A label that cannot be followed.
struct LabelProblem {
  std::string label, value;
  std::string message;  ///< what is wrong and what to write
};

/// What labels ask for in one mode.
struct Asked {
  std::shared_ptr<const Template> policy;  ///< null: nothing
  std::string label;                       ///< the one that says so
};

/// What the labels of one family ask for.
struct LabelPolicy {
  std::array<Asked, 3> modes;  ///< by Mode
  bool warn_is_explicit = false;

  [[nodiscard]] const Asked& in(Mode mode) const { return modes[static_cast<std::size_t>(mode)]; }
  [[nodiscard]] Asked& in(Mode mode) { return modes[static_cast<std::size_t>(mode)]; }
};

inline constexpr std::string_view kPlimsollLabels = "plimsoll.dev/",
                                  kPodSecurityLabels = "pod-security.kubernetes.io/";

/// Reads `<family>enforce`, `<family>enforce-version` and so on. What is wrong is appended to
/// `problems`: `enforce` is then restricted at the newest version, `warn` and `audit` are nothing.
/// Without a label of its own, `warn` is what `enforce` says.
/// Source: pod-security-admission api/helpers.go, PolicyToEvaluate.
LabelPolicy read_labels(const Labels& labels, std::string_view family,
                        const templates::Library& library, std::vector<LabelProblem>& problems);

/// The families whose labels count.
std::vector<std::string_view> families_of(const Policy& policy);

}  // namespace plimsoll::policy
