#include "verdict/words.h"

#include <fmt/format.h>

#include <algorithm>

namespace plimsoll::verdict {
namespace {

std::string unescape(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size())
      text += token[++i] == '1' ? '/' : '~';
    else
      text += token[i];
  }
  return text;
}

std::string to_text(const Value& value) {
  struct Text {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::vector<std::string>& list) const {
      return fmt::format("[{}]", fmt::join(list, ", "));
    }
  };
  return std::visit(Text{}, value);
}

}  // namespace

std::string field_of(std::string_view pointer) {
  std::string field;
  for (std::size_t at = 0; at < pointer.size();) {
    const auto end = std::min(pointer.find('/', at + 1), pointer.size());
    const std::string token = unescape(pointer.substr(at + 1, end - at - 1));
    at = end;
    const bool index = !token.empty() && token.find_first_not_of("0123456789") == std::string::npos;
    if (index || token.find_first_of("./[] ") != std::string::npos) {
      field += '[';
      field += token;
      field += ']';
    } else {
      if (!field.empty()) field += '.';
      field += token;
    }
  }
  return field;
}

std::string in_words(const Edit& edit) {
  const std::string field = field_of(edit.path);
  if (std::holds_alternative<std::monostate>(edit.value)) return "remove " + field;
  return fmt::format("set {} to {}", field, to_text(edit.value));
}

std::string advice(const Violation& violation) {
  if (violation.edits.empty()) {
    std::string_view remedy = violation.check->remedy;
    if (remedy.ends_with('.')) remedy.remove_suffix(1);
    return std::string(remedy);
  }
  std::string text;
  for (const Edit& edit : violation.edits) {
    if (!text.empty()) text += "; ";
    text += in_words(edit);
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F
      out += fmt::format("\\x{:02x}", next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace plimsoll::verdict
