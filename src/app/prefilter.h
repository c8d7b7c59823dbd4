// Whether a registration's prefilter is the one that this binary would write.
//
// A condition of an older binary, or one that stands where it does not belong, may let a pod pass
// that this binary would refuse: the API server then never asks. So whatever is not certainly right
// is a difference.
//
// Ownership: plain values. Thread-safety: pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "app/webhook_registration.h"
#include "plimsoll/verdict.h"
#include "templates/library.h"

namespace plimsoll::app {

/// What is not as this binary would write it.
struct Difference {
  std::string entry;   ///< the webhook's name
  std::string what;    ///< what is wrong there
  std::string remedy;  ///< what to do

  /// All of it in one line.
  [[nodiscard]] std::string line() const { return entry + ": " + what + "; " + remedy; }
  bool operator==(const Difference&) const = default;
};

/// An entry without prefilter, for information.
struct Unfiltered {
  std::string entry, why;
};

struct Comparison {
  std::size_t entries = 0;              ///< about pods or workloads
  std::size_t prefiltered = 0;          ///< of these, those with a prefilter
  std::vector<Difference> differences;  ///< in the order of the registration
  std::vector<Unfiltered> unfiltered;   ///< likewise
};

/// What a server is bound to beside labels; null: not known.
using Bindings = const std::vector<Binding>*;

/// Compares the conditions of each entry, and where they stand, with what `cel::match_condition`
/// writes for the newest version of each template of the library.
Comparison compare_prefilter(const WebhookRegistration& registration,
                             const templates::Library& library, Bindings bindings = nullptr);

}  // namespace plimsoll::app
