#include "verdict/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace plimsoll::verdict {
namespace {

// One segment of a JSON pointer. Called for every finding of every denial: no temporary text.
void append_segment(std::string& out, std::string_view token) {
  unsigned other = token.empty() ? 1 : 0, odd = 0;
  for (const char c : token) {
    other |= static_cast<unsigned>(c < '0') | static_cast<unsigned>(c > '9');
    odd |= static_cast<unsigned>(c == '.') | static_cast<unsigned>(c == '~') |
           static_cast<unsigned>(c == '[') | static_cast<unsigned>(c == ']') |
           static_cast<unsigned>(c == ' ');
  }
  const bool brackets = other == 0 || odd != 0;
  if (brackets)
    out += '[';
  else if (!out.empty())
    out += '.';
  if (odd == 0) {
    out += token;
  } else {
    for (std::size_t i = 0; i < token.size(); ++i) {
      if (token[i] == '~' && i + 1 < token.size())
        out += token[++i] == '1' ? '/' : '~';
      else
        out += token[i];
    }
  }
  if (brackets) out += ']';
}

struct AppendValue {
  std::string& out;
  void operator()(std::monostate) const {}
  void operator()(bool flag) const { out += flag ? "true" : "false"; }
  void operator()(std::int64_t number) const { out += std::to_string(number); }
  void operator()(const std::string& text) const { out += text; }
  void operator()(const std::vector<std::string>& list) const {
    out += fmt::format("[{}]", fmt::join(list, ", "));
  }
};

}  // namespace

std::string field_of(std::string_view pointer) {
  std::string field;
  for (std::size_t at = 0; at < pointer.size();) {
    const auto end = std::min(pointer.find('/', at + 1), pointer.size());
    append_segment(field, pointer.substr(at + 1, end - at - 1));
    at = end;
  }
  return field;
}

std::string advice(const Violation& violation, std::string_view field) {
  if (violation.edits.empty()) {
    std::string_view remedy = violation.check->remedy;
    if (remedy.ends_with('.')) remedy.remove_suffix(1);
    return std::string(remedy);
  }
  std::string text;
  for (const Edit& edit : violation.edits) {
    if (!text.empty()) text += "; ";
    const bool remove = std::holds_alternative<std::monostate>(edit.value);
    text += remove ? "remove " : "set ";
    if (!field.empty() && edit.path == violation.finding.path)
      text += field;
    else
      text += field_of(edit.path);
    if (remove) continue;
    text += " to ";
    std::visit(AppendValue{text}, edit.value);
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
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_printable(std::string_view text) {
  // Without a way out of the loop, so that the compiler takes many bytes at once.
  unsigned found = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    found |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte == 0x7F) |
             static_cast<unsigned>(byte == 0xC2);
  }
  return found == 0;
}

}  // namespace plimsoll::verdict
