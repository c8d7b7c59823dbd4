// What was checked, and what was found: the value that every report format writes.
//
// Ownership: owns its text; checks are constants. Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"

namespace plimsoll {

/// Where a resource was read.
struct Source {
  std::string file;          ///< `-`: standard input
  std::size_t document = 0;  ///< 0-based place in the stream of documents
  std::size_t line = 0;      ///< 1-based
};

/// A finding in a resource.
struct ReportedFinding {
  const Check* check = nullptr;
  std::string container;             ///< name; empty: about the pod
  std::string field;                 ///< `spec.containers[0].image`
  std::string path;                  ///< JSON pointer
  std::size_t line = 0, column = 0;  ///< of the value, or of what lacks it; 1-based; 0: unknown
  std::string message, advice;
  /// RFC 6902, as JSON text, that mends this finding alone; `[]`: only a person can decide.
  std::string patch = "[]";
};

enum class Outcome : std::uint8_t { Pass, Fail, Error, Skipped };

constexpr std::string_view name_of(Outcome outcome) {
  constexpr std::string_view kNames[] = {"pass", "fail", "error", "skipped"};
  return kNames[static_cast<std::size_t>(outcome)];
}

struct Resource {
  Source source;
  std::string api_version, kind, namespace_name, name;
  Outcome outcome = Outcome::Pass;
  std::string reason;  ///< why it is an error, or skipped
  std::vector<ReportedFinding> findings;
  /// RFC 6902, as JSON text, that mends at once all findings that can be mended.
  std::string patch = "[]";
};

struct Summary {
  std::size_t resources = 0, passed = 0, failed = 0, errors = 0, skipped = 0, findings = 0;
};

struct Report {
  std::string template_ref;  ///< `restricted@v1.37`
  std::vector<Resource> resources;

  [[nodiscard]] Summary summary() const {
    Summary sum;
    for (const Resource& resource : resources) {
      ++sum.resources;
      sum.findings += resource.findings.size();
      switch (resource.outcome) {
        case Outcome::Pass:
          ++sum.passed;
          break;
        case Outcome::Fail:
          ++sum.failed;
          break;
        case Outcome::Error:
          ++sum.errors;
          break;
        case Outcome::Skipped:
          ++sum.skipped;
          break;
      }
    }
    return sum;
  }
};

}  // namespace plimsoll
