// A finding's place in its text, as a compiler shows it: lines, and what to underline in them.
//
// Ownership: values. Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plimsoll/report.h"

namespace plimsoll::report {

struct SnippetLine {
  std::size_t number = 0;  ///< 1-based
  /// Shown, with spaces for tabs, at most about a hundred columns wide: `...` stands for the rest.
  std::string text;
  /// What to underline, in columns of a terminal; width 0: nothing.
  std::size_t mark = 0, mark_width = 0;

  /// `    ^~~~`, to stand below the text; empty: there is nothing to underline.
  [[nodiscard]] std::string underline() const;
};

/// The lines of the excerpt; the first of the region is underlined, up to where the region ends in
/// it. Empty: there is nothing to show.
std::vector<SnippetLine> snippet_of(const Excerpt& excerpt, const Region& region);

}  // namespace plimsoll::report
