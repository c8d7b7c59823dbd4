// What a pod was found guilty of, and what follows from it.
//
// Ownership: shares the Templates it judged by. Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"
#include "plimsoll/review.h"
#include "plimsoll/template.h"

namespace plimsoll {

/// What a violation leads to. Source: Pod Security Admission modes.
enum class Mode : std::uint8_t { Enforce, Warn, Audit };

constexpr std::string_view name_of(Mode mode) {
  constexpr std::string_view kNames[] = {"enforce", "warn", "audit"};
  return kNames[static_cast<std::size_t>(mode)];
}

/// `enforce`, `warn` or `audit`, exactly; empty for anything else.
constexpr std::optional<Mode> parse_mode(std::string_view text) {
  for (const Mode mode : {Mode::Enforce, Mode::Warn, Mode::Audit})
    if (text == name_of(mode)) return mode;
  return std::nullopt;
}

/// What an Enforce binding means for a workload, whose pods are judged again when they are made.
enum class Workloads : std::uint8_t {
  Warn,     ///< findings are warned about (upstream's rule)
  Enforce,  ///< it is denied, as a pod is
  Pass,     ///< nothing: another binding speaks for workloads
};

/// What an Enforce binding means for an update.
enum class Updates : std::uint8_t {
  Upstream,  ///< judged as a creation is, if it is significant
  Ratchet,   ///< only what the old object did not have is refused; the rest is warned about
};

/// A template bound to a mode.
struct Binding {
  Mode mode = Mode::Enforce;
  std::shared_ptr<const Template> policy;
  Workloads workloads = Workloads::Warn;
  Updates updates = Updates::Upstream;
  std::vector<std::string> namespaces;          ///< names or globs; empty: every namespace
  std::vector<std::string> exclude_namespaces;  ///< names or globs, stronger than `namespaces`
  Selector selector;                            ///< of the namespace's labels
  /// What bound it, for people: `binding "shop"`, `label plimsoll.dev/enforce`; empty: the route.
  std::string source;

  /// Whether a request in a namespace of that name is judged by this binding. The selector is not
  /// looked at.
  [[nodiscard]] bool covers(std::string_view namespace_name) const;
};

/// A finding, the check that made it, and the change that mends it.
struct Violation {
  const Check* check = nullptr;
  Finding finding;
  /// In the order in which they are made; one edit may mend several findings. Empty: only a person
  /// can decide.
  std::vector<std::shared_ptr<const Edit>> edits;
};

/// What one binding found. `mode` is what follows from it, after every rule that softens it.
struct Judgement {
  Mode mode = Mode::Enforce;
  bool dry_run = false;  ///< would have been denied; only warned about and annotated
  std::shared_ptr<const Template> policy;
  std::string source;                 ///< the binding's
  std::vector<Violation> violations;  ///< unreadable fields first, then by check id
};

/// A denial that is not about what a pod holds.
struct Refusal {
  struct Cause {
    std::string reason;  ///< a word for programs, such as `namespace-label`
    std::string field;   ///< such as `metadata.labels[plimsoll.dev/enforce]`
    std::string message;
  };
  int code = 403;                         ///< HTTP status
  std::string_view reason = "Forbidden";  ///< Kubernetes' word for the code; a literal
  std::string message;
  std::vector<Cause> causes;
};

struct Verdict {
  bool allowed = true;
  std::vector<Judgement> judgements;  ///< in the order of the bindings
  std::optional<Refusal> refusal;     ///< set: denied for this
  std::vector<std::string> warnings;  ///< to be said before those of the judgements
  std::string error;                  ///< for the audit log: what kept the verdict from being exact
  std::string_view exempt;  ///< why nothing was judged: `namespace`, `user`, ...; a literal
};

/// The check behind a finding about a field that cannot be read. Not in the catalogue: it cannot be
/// left out of a template.
extern const Check kUnreadableField;

/// Whether `*` (any text) and `?` (any one byte) of the glob match the whole text.
bool glob_match(std::string_view glob, std::string_view text);

/// No rule is evaluated after this many violations.
inline constexpr std::size_t kMaxViolations = 10'000;

/// What the checks of one template find in the pods of one object, with what could not be read
/// first. What pods share is found once, and mended once.
std::vector<Violation> violations_of(std::span<const Pod> pods, std::span<const Fault> faults,
                                     const Template& policy);

/// Whether what bindings say matters to the review: it is about a pod or a workload, and may change
/// what that is judged by.
bool to_be_judged(const Review& review);

/// Judges a review by each of the bindings that cover its namespace. `dry_run`: nothing is denied;
/// what would have been is warned about and marked.
/// Rules: upstream's for what is not ours and for which updates of a pod matter (see scope_of and
/// significant_update); a workload is denied only by a binding that enforces workloads, and never
/// for an update that leaves its pod template as it was, so that finalizers and scaling go through.
/// An update of a pod that changes nothing of significance is never denied.
/// Thread-safety: pure.
Verdict judge(const Review& review, std::span<const Binding> bindings, bool dry_run);

/// The part of that verdict which one mode's bindings are answerable for, for a registration with
/// entries of their own for each mode: of all parts, nothing is said twice and nothing is missing.
/// The findings that Enforce speaks of are not warned about again. Thread-safety: pure.
Verdict judge_mode(const Review& review, std::span<const Binding> bindings, Mode mode,
                   bool dry_run);

/// Whether an update of a pod may change what it is judged by.
/// Source: pod-security-admission admission/admission.go, isSignificantPodUpdate.
bool significant_update(const Pod& pod, const Pod& old_pod);

}  // namespace plimsoll
