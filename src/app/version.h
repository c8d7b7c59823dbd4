// The version of this binary. Thread-safety: constant.
#pragma once

#include <string_view>

namespace plimsoll::app {

inline constexpr std::string_view kVersion = PLIMSOLL_VERSION;  // from CMakeLists.txt

}  // namespace plimsoll::app
