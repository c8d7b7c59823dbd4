// What stands in every page as it is: the files of src/report/html/, which CMake puts in.
//
// Thread-safety: constants.
#pragma once

#include <string_view>

namespace plimsoll::report {

struct PagePart {
  std::string_view text;
  std::string_view sha256;  ///< of `text`, 64 hex digits: the page allows nothing else
};

extern const PagePart kPageStyle, kPageScript;

}  // namespace plimsoll::report
