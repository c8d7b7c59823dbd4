// The templates that a command knows, and the custom resources whose pods it judges: those that
// come with Plimsoll and those of the files it was given.
//
// Thread-safety: stateless.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "plimsoll/pod_places.h"
#include "plimsoll/result.h"
#include "templates/library.h"

namespace plimsoll::app {

/// Errors name file, line and field.
Result<templates::Library> load_library(std::span<const std::string> files);

/// The template of a reference such as `restricted@v1.31`; the error lists those that there are.
Result<std::shared_ptr<const Template>> find_template(const templates::Library& library,
                                                      const std::string& ref);

/// What a file says of a kind holds instead of what was said of it before. Errors name file, line
/// and field.
Result<PodPlaces> load_pod_places(std::span<const std::string> files);

}  // namespace plimsoll::app
