// Edits -> an RFC 6902 JSON patch.
//
// Thread-safety: pure.
#pragma once

#include <nlohmann/json.hpp>

#include "plimsoll/check.h"

namespace plimsoll::fix {

/// The patch that makes the edits in `object`, in their order. Missing parents are added first, and
/// to remove what is not there is no operation, so that the patch applies as it is.
nlohmann::ordered_json to_json_patch(const Edits& edits, nlohmann::json object);

}  // namespace plimsoll::fix
