// Violations in words, as the webhook's answer and every report say them.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>

#include "plimsoll/verdict.h"

namespace plimsoll::verdict {

/// A JSON pointer as people write fields: `/spec/containers/0/image` is `spec.containers[0].image`,
/// a name with a dot or a slash stands in brackets.
std::string field_of(std::string_view pointer);

/// `set spec.hostPID to false`, `remove spec.containers[0].ports[0].hostPort`.
std::string in_words(const Edit& edit);

/// What to do about a violation: its edits in words, or the check's remedy where it has none.
/// Without a final full stop.
std::string advice(const Violation& violation);

/// The text with every control character (C0, DEL, C1) as `\xNN`: it came from a manifest and goes
/// to a terminal or into an HTTP header. `text` is valid UTF-8.
std::string printable(std::string_view text);

}  // namespace plimsoll::verdict
