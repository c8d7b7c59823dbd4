// What a pod was found guilty of, and what follows from it.
//
// Ownership: shares the Templates it judged by. Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"
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

/// A template bound to a mode.
struct Binding {
  Mode mode = Mode::Enforce;
  std::shared_ptr<const Template> policy;
  bool enforce_workloads = false;  ///< false: Enforce only warns about a workload (upstream's rule)
  std::vector<std::string> namespaces;          ///< names or globs; empty: every namespace
  std::vector<std::string> exclude_namespaces;  ///< names or globs, stronger than `namespaces`

  /// Whether a request in that namespace is judged by this binding.
  [[nodiscard]] bool covers(std::string_view namespace_name) const;
};

/// A finding and the check that made it.
struct Violation {
  const Check* check = nullptr;
  Finding finding;
};

/// What one binding found. `mode` is what follows from it, after every rule that softens it.
struct Judgement {
  Mode mode = Mode::Enforce;
  bool dry_run = false;  ///< would have been denied; only warned about and annotated
  std::shared_ptr<const Template> policy;
  std::vector<Violation> violations;  ///< unreadable fields first, then by check id
};

struct Verdict {
  bool allowed = true;
  std::vector<Judgement> judgements;  ///< in the order of the bindings
};

/// The check behind a finding about a field that cannot be read. Not in the catalogue: it cannot be
/// left out of a template.
extern const Check kUnreadableField;

/// Whether `*` and `?` of the glob match the whole text.
bool glob_match(std::string_view glob, std::string_view text);

}  // namespace plimsoll
