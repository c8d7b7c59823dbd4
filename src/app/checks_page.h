// docs/checks.md: the catalogue for people, with what Plimsoll says of each bad example.
//
// Thread-safety: pure.
#pragma once

#include <string>

#include "templates/library.h"

namespace plimsoll::app {

/// Markdown. `builtin`: the templates that the page speaks of.
std::string checks_page(const templates::Library& builtin);

}  // namespace plimsoll::app
