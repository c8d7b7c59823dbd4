// Violations in words, as the webhook's answer and every report say them.
//
// Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "plimsoll/verdict.h"

namespace plimsoll::verdict {

/// A JSON pointer as people write fields: `/spec/containers/0/image` is `spec.containers[0].image`,
/// a name with a dot or a slash stands in brackets.
std::string field_of(std::string_view pointer);

/// What to do about a violation, without a final full stop: its edits in words (`set spec.hostPID
/// to false`, `remove spec.containers[0].ports[0].hostPort`), or the check's remedy where it has
/// none. `field`: field_of(violation.finding.path), if it is known already.
std::string advice(const Violation& violation, std::string_view field = {});

/// Past this many bytes a message or an advice is not read by anybody: a manifest's values may be
/// of any size.
inline constexpr std::size_t kMostWords = 1024;

/// Cuts to at most `bytes`, at least 3, at the end of a character, and says so with `...`.
std::string cut(std::string text, std::size_t bytes);

/// The text with every control character (C0, DEL, C1) as `\xNN`, and every one that cannot be seen
/// or turns the direction of writing as `\uNNNN`: it came from a manifest and goes to a terminal or
/// into an HTTP header. `text` is valid UTF-8.
std::string printable(std::string_view text);

/// Whether printable() would change nothing; may be false where it would not.
bool is_printable(std::string_view text);

}  // namespace plimsoll::verdict
