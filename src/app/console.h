// What a person at a terminal sees: colour only there, errors in one line.
//
// Thread-safety: stateless.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "plimsoll/result.h"

namespace plimsoll::app {

/// Colours, all empty unless the stream is a terminal and NO_COLOR is not set.
/// Source: no-color.org.
struct Palette {
  std::string_view bold, dim, red, green, yellow, cyan, plain;
};
Palette palette_for(std::FILE* stream);

/// Writes the text; false, with a line on stderr, when it could not be written.
bool print(std::string_view text);

/// What a person types to run this program: `plimsoll`, or `kubectl plimsoll` where it was started
/// as the plugin `kubectl-plimsoll`. A literal.
std::string_view program_name();

/// The text, the commands in it (`` `plimsoll checks` ``) as a person types them.
std::string as_typed(std::string text);

/// `plimsoll: ...` on stderr, commands as_typed(). Gives kFailed, the exit status that goes with
/// it.
int fail(const Error& error);

/// More than a manifest has. A device may have no end.
inline constexpr std::size_t kMaxFileBytes = std::size_t{32} << 20;

/// The bytes of a file; the error says why it cannot be read.
Result<std::string> read_file(const std::string& path);

/// What people call it in messages.
inline constexpr std::string_view kStdin = "<stdin>";

/// The bytes of standard input. None at all are an error: the command that should have written them
/// has failed, and its failure must not look like a pass.
Result<std::string> read_stdin();

}  // namespace plimsoll::app
