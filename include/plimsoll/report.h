// What was checked, and what was found: the value that every report format writes.
//
// Ownership: owns its text; checks are constants. Thread-safety: plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "plimsoll/check.h"

namespace plimsoll {

/// Where a resource was read.
struct Source {
  std::string file;          ///< `-`: standard input
  std::size_t document = 0;  ///< 0-based place in the stream of documents
  std::size_t line = 0;      ///< 1-based
};

/// A part of a text. Lines are 1-based and end at a line feed; columns are 1-based, in bytes.
struct Region {
  std::size_t line = 0, column = 0;          ///< of the first byte; 0: unknown
  std::size_t end_line = 0, end_column = 0;  ///< behind the last byte; 0: unknown
  bool operator==(const Region&) const = default;
};

/// Whole lines of a text, as they are, without their line feeds.
struct Excerpt {
  std::size_t line = 0;            ///< of the first; 1-based
  std::vector<std::string> lines;  ///< empty: there is no text to show
};

/// A piece of the text and what it becomes; an empty region is where text is put in.
struct TextChange {
  Region region;
  std::string text;
};

/// Why a finding is none of today's concern.
struct Acceptance {
  enum class By : std::uint8_t { Ignore, Baseline };
  By by = By::Ignore;
  std::string reason;  ///< of an ignore comment; a baseline has none
};

constexpr std::string_view name_of(Acceptance::By by) {
  return by == Acceptance::By::Ignore ? "ignore" : "baseline";
}

/// What an item of a benchmark comes to, in the words that docker-bench-security made known.
enum class ItemStatus : std::uint8_t {
  Pass,
  Warn,  ///< there is a finding for it
  Info,  ///< it says nothing here: what it is about is not there, or could not be seen
  Note,  ///< a person has to look
};

constexpr std::string_view name_of(ItemStatus status) {
  constexpr std::string_view kNames[] = {"PASS", "WARN", "INFO", "NOTE"};
  return kNames[static_cast<std::size_t>(status)];
}

/// An item of a benchmark that was gone through for a resource.
struct ReportedItem {
  Reference reference;     ///< its number, such as `5.5`
  std::string_view title;  ///< what passes it, in our own words; a literal
  ItemStatus status = ItemStatus::Pass;
  std::string detail;  ///< what was seen, or why it was not; may be empty
};

/// What else is known of a resource, or of a report. The name is one word in camelCase; a literal.
struct Fact {
  std::string_view name;
  std::variant<std::string, std::uint64_t> value;
};

/// A finding in a resource.
struct ReportedFinding {
  const Check* check = nullptr;
  std::string template_ref;  ///< of the template that asks for it; empty: the report's
  std::string_view mode;     ///< `enforce`, `warn` or `audit`, if something binds that template
  std::string container;     ///< name; empty: about the pod
  std::string field;         ///< `spec.containers[0].image`
  std::string path;          ///< JSON pointer
  /// The field with elements of lists by their names: `spec.containers["app"].image`; in manifests
  /// with its value, if it has one: `spec.containers["app"].securityContext.privileged=true`.
  std::string place;
  Region region;  ///< of the value, or of the beginning of what lacks it
  std::string message, advice;
  std::string lasting;  ///< the message without how many pods it is; empty: the message says none
  /// RFC 6902, as JSON text, that mends this finding alone; `[]`: only a person can decide.
  std::string patch = "[]";
  Excerpt excerpt;                  ///< around `region`
  std::vector<TextChange> changes;  ///< the same as `patch`, in the text; sorted; none: not known
  Excerpt changed;                  ///< the lines of `changes`, first to last; none: too many
  /// The same for the same finding in the same resource of the same file, wherever in it.
  std::string fingerprint;
  std::optional<Acceptance> accepted;  ///< set: it is reported, and does not count
};

enum class Outcome : std::uint8_t { Pass, Fail, Error, Skipped };

constexpr std::string_view name_of(Outcome outcome) {
  constexpr std::string_view kNames[] = {"pass", "fail", "error", "skipped"};
  return kNames[static_cast<std::size_t>(outcome)];
}

struct Resource {
  Source source;
  std::string api_version, kind, namespace_name, name;
  std::string uid;  ///< of the object in its cluster; empty: it is in none
  Outcome outcome = Outcome::Pass;
  std::string reason;  ///< why it is an error, or skipped
  std::vector<ReportedFinding> findings;
  std::vector<ReportedFinding> accepted;  ///< those that an ignore comment or a baseline accepts
  /// RFC 6902, as JSON text, that mends at once all findings that can be mended.
  std::string patch = "[]";
  std::vector<ReportedItem> items;  ///< of a benchmark, in its order
  std::vector<Fact> facts;          ///< in the order in which they are shown
};

struct Summary {
  std::size_t resources = 0, passed = 0, failed = 0, errors = 0, skipped = 0;
  std::size_t findings = 0;  ///< that count
  std::size_t accepted = 0;  ///< findings that do not

  void add(const Resource& resource) {
    ++resources;
    findings += resource.findings.size();
    accepted += resource.accepted.size();
    switch (resource.outcome) {
      case Outcome::Pass:
        ++passed;
        break;
      case Outcome::Fail:
        ++failed;
        break;
      case Outcome::Error:
        ++errors;
        break;
      case Outcome::Skipped:
        ++skipped;
        break;
    }
  }
};

/// A report of before, as a trend shows it.
struct EarlierReport {
  std::string time;  ///< RFC 3339, UTC
  Summary summary;
  std::array<std::size_t, 4> severities{};  ///< findings that counted, by Severity
};

/// What stands above the resources of a report.
struct ReportHead {
  std::string template_ref;  ///< `restricted@v1.37`; or what else they were held to
  std::string version;       ///< Plimsoll's own
  std::string subject;      ///< what was looked at: `cluster https://...`; empty: it says so itself
  std::string time;         ///< when, RFC 3339, UTC; empty: of no matter
  std::vector<Fact> facts;  ///< of all that was looked at, in the order to be shown
  std::vector<EarlierReport> earlier;  ///< oldest first
};

/// What stands below them.
struct ReportTail {
  Summary summary;
  /// Entries of a baseline, and ignore comments, that no finding needs any more: a line for people
  /// each.
  std::vector<std::string> stale;
  /// What should have been looked at and could not be: a line for people each. With one at least
  /// the report is partial.
  std::vector<std::string> missing;
};

}  // namespace plimsoll
