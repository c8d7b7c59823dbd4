#include "app/check_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace plimsoll::app {

std::string type_of(const Check& check, const ParamSpec& param) {
  constexpr std::string_view kNames[] = {"list of texts", "true or false", "list of {min, max}"};
  std::string text(kNames[static_cast<std::size_t>(param.type)]);
  if (param.form != nullptr) text += fmt::format(", each {}", param.form->name);
  if (param.needed)
    text += std::ranges::count(check.params, true, &ParamSpec::needed) > 1
                ? "; this or another is needed"
                : "; needed";
  return text;
}

std::string to_text(const ParamValue& value) {
  struct Text {
    std::string operator()(const std::vector<std::string>& list) const {
      return fmt::format("{}", fmt::join(list, ", "));
    }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(const std::vector<IdRange>& ranges) const {
      std::string text;
      for (const IdRange& r : ranges)
        text += fmt::format("{}{}-{}", text.empty() ? "" : ", ", r.min, r.max);
      return text;
    }
  };
  return std::visit(Text{}, value);
}

std::string_view who_mends(const Check& check) {
  if (check.fix == nullptr) return "Only a person can decide.";
  if (check.risk.empty()) return "`plimsoll fix` makes the change.";
  return "`plimsoll fix --allow-risky` makes the change, for it may break an image.";
}

}  // namespace plimsoll::app
