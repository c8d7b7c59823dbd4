// Ignore comments: findings that a manifest itself accepts, each with its reason.
//
//     # plimsoll:ignore host-path -- node exporter reads /proc
//
// Behind a value it speaks of the value, in brackets that go on of the last one before it; behind
// an element's first line or its dash, of the element; on a line of its own, of what begins on the
// next line, with all that it holds. What begins with a document's first line is the document.
// Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"
#include "plimsoll/result.h"
#include "text/yaml.h"

namespace plimsoll::app {

struct Ignore {
  std::vector<const Check*> checks;
  std::string reason;
  std::string target;    ///< JSON pointer of what it speaks of
  std::size_t line = 0;  ///< 1-based
  bool used = false;     ///< it has accepted a finding

  /// Whether it speaks of that place, a JSON pointer, or of something that holds it.
  [[nodiscard]] bool covers(std::string_view path) const;
};

struct Ignores {
  std::vector<Ignore> all;
  std::vector<Error>
      errors;  ///< of comments that lack a reason, name no check, ...; without a file
};

/// Those of a document. `from`: where in the text the document before it ends.
Ignores ignores_of(std::string_view text, std::size_t from, const text::YamlDocument& document);

}  // namespace plimsoll::app
