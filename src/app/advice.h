// What a namespace could be held to, and what stands in the way of more.
//
// Ownership: owns its text; checks are constants. Thread-safety: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/console.h"
#include "plimsoll/check.h"

namespace plimsoll::app {

/// The templates that are advised, from the one that asks the least.
inline constexpr std::string_view kLevels[] = {"privileged", "baseline", "restricted",
                                               "least-privilege"};

/// An owner that keeps its namespace from the next template.
struct Obstacle {
  std::string kind, name;
  std::vector<const Check*> checks;  ///< that it does not pass; sorted by id
};

struct Advice {
  std::string namespace_name;
  std::size_t workloads = 0;  ///< owners in it that are judged
  std::uint64_t pods = 0;     ///< of theirs that have not ended
  std::size_t exempt = 0;     ///< owners that are not judged
  /// The templates that are enforced today, without those that others of them imply: `a@v1.37,
  /// b@v1.37`; empty: none.
  std::string enforced;
  std::size_t refused = 0;  ///< owners that one of these would refuse
  bool system = false;      ///< the cluster's own: it is not to be labelled
  std::string unknown;      ///< why nothing can be advised; empty: something can
  std::string meets;        ///< the strictest template that everything in it meets: a reference
  std::string next;         ///< the one above it; empty: there is none
  std::vector<Obstacle> obstacles;  ///< between the two; sorted by kind and name
  std::string command;              ///< what to type; empty: nothing is to be changed
  std::string unlabelled;           ///< why there is no command though more is met than enforced
};

/// What people read, in a few lines a namespace, with what could not be read and the sums.
std::string advice_text(std::span<const Advice> all, std::span<const std::string> missing,
                        const Palette& colours);

/// The same in JSON, as docs/scan.md has it. `subject`: what was looked at, `time`: when.
std::string advice_json(std::span<const Advice> all, std::span<const std::string> missing,
                        const std::string& subject, const std::string& time);

}  // namespace plimsoll::app
