#include "report/format.h"

namespace plimsoll::report {

std::span<const Format* const> formats() {
  static constexpr const Format* kAll[] = {&github,   &gitlab, &json, &junit,
                                           &markdown, &sarif,  &text};
  return kAll;
}

}  // namespace plimsoll::report
