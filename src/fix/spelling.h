// How values are written: as block YAML, as flow YAML, as JSON.
//
// Ownership: values own their text. Thread-safety: pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fix/plan.h"

namespace plimsoll::fix {

/// How the neighbours in brackets are written.
struct FlowStyle {
  bool quoted = false;      ///< keys and texts in double quotes, as in JSON
  bool lines = false;       ///< each entry on a line of its own
  std::string step = "  ";  ///< by which such a line is indented further
  std::string colon = ": ", comma = ", ";
  std::string newline = "\n";
};

/// How the neighbours on lines are written.
struct BlockStyle {
  std::size_t step = 2;       ///< of the indentation of a mapping in a mapping, in spaces
  std::size_t list_step = 0;  ///< of a list in a mapping
};

/// A scalar or an empty collection, plain where nothing else could be read from it.
std::string spell(const nlohmann::ordered_json& value);

/// A text in quotes of that kind, or in double quotes where it cannot be in single ones.
std::string spell_quoted(const std::string& text, char quote);

/// A value in brackets; `indent`: what the line it begins in begins with.
std::string spell_flow(const nlohmann::ordered_json& value, const FlowStyle& style,
                       const std::string& indent);

/// `key: value`, or the value alone where the key is empty.
std::string spell_flow(const Entry& entry, const FlowStyle& style, const std::string& indent);

/// The lines of an entry of a block collection, without line ends. Its key, or its dash, is behind
/// `indent` spaces.
std::vector<std::string> spell_block(const Entry& entry, const BlockStyle& style,
                                     std::size_t indent, bool is_element);

}  // namespace plimsoll::fix
