#include "verdict/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
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
  void operator()(const JsonText& json) const { out += json.text; }
  // A list that nobody would read to its end is not written to its end.
  void operator()(const std::vector<std::string>& list) const {
    const std::size_t begin = out.size();
    out += '[';
    for (const std::string& text : list) {
      if (out.size() - begin > kMostWords) break;
      if (&text != list.data()) out += ", ";
      out += text;
    }
    out += ']';
  }
};

/// A character of valid UTF-8 and how many bytes it takes.
struct Character {
  std::uint32_t code;
  std::size_t bytes;
};

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : std::uint32_t{0};
  };
  const std::uint32_t first = byte(0);
  if (first < 0xC0) return {first, 1};
  if (first < 0xE0) return {(first & 0x1FU) << 6U | (byte(1) & 0x3FU), 2};
  if (first < 0xF0)
    return {(first & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU), 3};
  return {0x10000, 4};  // none of those that matter
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

// Cannot be seen, breaks the line, or turns the direction of what follows.
bool is_hidden(std::uint32_t code) {
  return code == 0xAD || code == 0xFEFF || (code >= 0x200B && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F);
}

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
  for (const auto& shared : violation.edits) {
    if (text.size() > kMostWords) break;
    const Edit& edit = *shared;
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
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, bytes] = character_at(text, at);
    if (is_control(code))
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", code);
    else if (is_hidden(code))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    else
      out += text.substr(at, bytes);
    at += bytes;
  }
  return out;
}

std::string cut(std::string text, std::size_t bytes) {
  constexpr std::string_view kMark = "...";
  if (text.size() <= bytes) return text;
  std::size_t end = bytes - kMark.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  text += kMark;
  return text;
}

bool is_printable(std::string_view text) {
  // Without a way out of the loop, so that the compiler takes many bytes at once.
  unsigned found = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    found |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte == 0x7F) |
             static_cast<unsigned>(byte == 0xC2) | static_cast<unsigned>(byte == 0xE2) |
             static_cast<unsigned>(byte == 0xEF);
  }
  return found == 0;
}

}  // namespace plimsoll::verdict
