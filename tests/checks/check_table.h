// Runs one check over a table of containers or of pods.
//
// Every row stands bare in a Pod and in each form of workload; a container's row in each list of
// containers as well, alone and among the table's other containers. Beside the paths that the row
// states, what every check promises is asserted for every row: a message to each finding, and a fix
// that edits what fails and nothing else, leaves no finding, has nothing to do the second time, and
// mends each finding by the edits that stand at, above or below its path.
//
// A new check takes one source file and one file of tables; privileged_test.cc is a short one.
// Ownership: rows own their text; a Table borrows the check. Thread-safety: none needed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include "codec/pod.h"
#include "plimsoll/check.h"

namespace plimsoll::testing {

using Names = std::vector<std::string>;
using Ranges = std::vector<IdRange>;

/// JSON pointers of the findings, in order, below the object with the pod's `metadata` and `spec`;
/// in a row about a container `/container` stands for that container.
using Paths = std::vector<std::string>;

/// What a row may say beyond what most of them do.
struct More {
  std::string pod = "{}";                  ///< JSON: the `metadata` and `spec` around a container
  std::vector<std::string> messages = {};  ///< of all findings, in order; empty: any
  std::string fixed = {};  ///< JSON: what the fix makes of it; empty: anything that passes
  bool bare = false;       ///< only as a Pod: in a workload's template it means something else
};

struct ContainerRow {
  std::string name;
  std::string container;  ///< JSON; its name becomes "c", or another among other containers
  Paths findings = {};    ///< empty: passes
  More more = {};
};

struct PodRow {
  std::string name;
  std::string pod;  ///< JSON of an object with `metadata` and `spec`
  Paths findings = {};
  More more = {};
};

/// Whether the check can mend what it finds. Stated, so that no check loses its fix unnoticed.
enum class Fix : std::uint8_t { Mends, None };

struct Table {
  const Check* check = nullptr;
  Fix fix = Fix::Mends;
  Params params = {};
  codec::Origin origin = codec::Origin::ApiServer;  ///< of the objects in the rows

  /// Each table must have a row that passes and one that fails.
  void containers(const std::vector<ContainerRow>& rows,
                  std::source_location where = std::source_location::current()) const;
  void pods(const std::vector<PodRow>& rows,
            std::source_location where = std::source_location::current()) const;

  /// That `bad`, which leads to `findings`, passes in a Windows pod under `exemptWindows` and
  /// nowhere else; `good` passes everywhere.
  void exempts_windows(const std::string& good, const std::string& bad, const Paths& findings,
                       std::source_location where = std::source_location::current()) const;

  /// The same for pods with a user namespace of their own under `exemptUserNamespaces`.
  void exempts_user_namespaces(const std::string& good, const std::string& bad,
                               const Paths& findings,
                               std::source_location where = std::source_location::current()) const;

  /// This table under one parameter more.
  [[nodiscard]] Table with(std::string name, ParamValue value) const;
};

}  // namespace plimsoll::testing
