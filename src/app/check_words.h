// What explain, templates and the page of all checks say in the same words.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>

#include "plimsoll/check.h"

namespace plimsoll::app {

/// What a template writes for a parameter of the check: `true or false`, `list of texts; needed`.
std::string type_of(const Check& check, const ParamSpec& param);

/// `ALL, CHOWN`, `true`, `1-65535`.
std::string to_text(const ParamValue& value);

/// Who makes the change that mends a finding of the check: one sentence.
std::string_view who_mends(const Check& check);

}  // namespace plimsoll::app
