#include "report/format.h"

namespace plimsoll::report {

std::span<const Format* const> formats() {
  static constexpr const Format* kAll[] = {&github, &gitlab,   &html,  &json,
                                           &junit,  &markdown, &sarif, &text};
  return kAll;
}

}  // namespace plimsoll::report
