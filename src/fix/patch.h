// Edits -> an RFC 6902 JSON patch.
//
// Thread-safety: pure.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "plimsoll/check.h"

namespace plimsoll::fix {

/// The patch that makes the edits in `object`, each path once. It applies as it is: missing parents
/// are added first, to remove what is not there is no operation, and neither is to set what nothing
/// can hold, such as a field of a text. Elements of lists go last, of one list the higher index
/// first, so that every edit may name its place in `object` as it is now. The same element is
/// appended to one list once.
nlohmann::ordered_json to_json_patch(std::span<const Edit* const> edits,
                                     const nlohmann::json& object);

}  // namespace plimsoll::fix
