#include "report/format.h"

namespace plimsoll::report {

std::span<const Format* const> formats() {
  static constexpr const Format* kAll[] = {&gitlab, &html, &json, &junit, &sarif, &text};
  return kAll;
}

}  // namespace plimsoll::report
