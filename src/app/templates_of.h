// The templates that a command knows: the builtin ones and those of the files it was given.
//
// Thread-safety: stateless.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "plimsoll/result.h"
#include "templates/library.h"

namespace plimsoll::app {

/// Errors name file, line and field.
Result<templates::Library> load_library(std::span<const std::string> files);

/// The template of a reference such as `restricted@v1.31`; the error lists those that there are.
Result<std::shared_ptr<const Template>> find_template(const templates::Library& library,
                                                      const std::string& ref);

}  // namespace plimsoll::app
