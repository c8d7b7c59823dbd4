// Edits -> the smallest change of the text they are about, and that change as a diff.
//
// What is not edited stays byte for byte: comments, order, quotes, anchors, indentation, line ends.
// What is added is written as its neighbours are. Nothing is handed out that has not been read
// again and found to be what was meant.
//
// Ownership: values own their text. Thread-safety: pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"
#include "plimsoll/result.h"
#include "text/yaml.h"

namespace plimsoll::fix {

/// A piece of a text and what stands there afterwards. Offsets are in bytes.
struct TextEdit {
  std::size_t begin = 0, end = 0;  ///< [begin, end); equal: text is put in
  std::string text;
  bool operator==(const TextEdit&) const = default;
};

/// The changes, sorted and not touching each other, after which the document reads as
/// to_json_patch(edits) makes of it; none where that changes nothing. `text` is the reader's, whose
/// places the document's marks are.
/// Where aliases or merge keys share what is edited: the anchor's text is edited if every use is to
/// become the same, else the use is written out, or a key beside the merge key overrides it.
/// The error, with line and column, says what cannot be changed there. Other documents of the text
/// stay what they are: no change reaches outside the document's own lines.
Result<std::vector<TextEdit>> to_text_edits(std::span<const Edit* const> edits,
                                            std::string_view text,
                                            const text::YamlDocument& document);

/// The text after the edits, which are sorted and apart.
std::string edited(std::string_view text, std::span<const TextEdit> edits);

/// The edits of `before` that do what `first` and then `second`, which is about the text after
/// `first`, do.
std::vector<TextEdit> compose(std::size_t size_before, std::span<const TextEdit> first,
                              std::span<const TextEdit> second);

/// What git and patch know as a diff, with three lines of context; empty without edits that change
/// anything. `-p1` takes the `a/` and `b/` off that stand before the name, which loses the slash
/// that it begins with.
std::string unified_diff(std::string_view name, std::string_view before,
                         std::span<const TextEdit> edits);

}  // namespace plimsoll::fix
