#include "report/format.h"

namespace plimsoll::report {

std::span<const Format* const> formats() {
  static constexpr const Format* kAll[] = {&html, &json, &text};
  return kAll;
}

}  // namespace plimsoll::report
