// A finding's changes line by line, as far as its excerpt shows the text.
//
// Ownership: values. Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plimsoll/report.h"

namespace plimsoll::report {

struct DiffLine {
  char sign = ' ';         ///< ` ` stays, `-` goes, `+` comes
  std::size_t number = 0;  ///< 1-based: in the text before, of one that comes in the text after
  std::string text;        ///< without what ends it
  bool operator==(const DiffLine&) const = default;
};

/// The excerpt's lines and what becomes of them; lines that come elsewhere stand above or below.
/// Empty: there are no changes, or not enough of the text to show them.
std::vector<DiffLine> diff_of(const ReportedFinding& finding);

}  // namespace plimsoll::report
