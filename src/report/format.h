// The report formats, one file each. A report is written as it is made: a writer is told of one
// resource after the other and keeps no more of them than its format makes it.
//
// Ownership: a writer owns what it keeps. Thread-safety: one writer a thread.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "plimsoll/report.h"

namespace plimsoll::report {

struct Style {
  bool colour = false;
};

/// Takes the pieces of a report's text, in order.
using Sink = std::function<void(std::string_view)>;

class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  virtual ~Writer() = default;

  /// The next resource, in the order of the report; those of one file come one after the other.
  virtual void add(const Resource& resource) = 0;
  /// Once, after the last.
  virtual void end(const ReportTail& tail) = 0;
};

struct Format {
  std::string_view name, meaning;
  /// Whether it says how the text changes (`ReportedFinding::changes`).
  bool changes = false;
  std::unique_ptr<Writer> (*open)(const ReportHead& head, const Style& style, Sink sink) = nullptr;
};

extern const Format github, gitlab, html, json, junit, markdown, sarif, text;

/// Every format, by name.
std::span<const Format* const> formats();

}  // namespace plimsoll::report
