#include "report/format.h"

namespace plimsoll::report {

std::span<const Format> formats() {
  static constexpr Format kAll[] = {{"json", write_json}, {"text", write_text}};
  return kAll;
}

}  // namespace plimsoll::report
