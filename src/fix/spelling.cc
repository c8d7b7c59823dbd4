#include "fix/spelling.h"

#include <algorithm>
#include <cctype>

namespace plimsoll::fix {
namespace {

using nlohmann::ordered_json;

bool is_collection(const ordered_json& value) { return value.is_structured() && !value.empty(); }

// Fewer than YAML would take, so that no reader takes it for anything else.
bool can_be_plain(const std::string& text) {
  constexpr std::string_view kWords[] = {"y",    "n",     "yes",  "no",  "on",
                                         "true", "false", "null", "off", "nan"};
  constexpr std::string_view kOthers = "/_.-";
  const auto letter = [](unsigned char c) { return c < 0x80 && std::isalpha(c) != 0; };
  const auto fine = [&](unsigned char c) {
    return letter(c) || (c >= '0' && c <= '9') ||
           kOthers.find(static_cast<char>(c)) != kOthers.npos;
  };
  if (text.empty() || !(letter(static_cast<unsigned char>(text[0])) || text[0] == '/'))
    return false;
  std::string small = text;
  for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::ranges::all_of(text, fine) && std::ranges::find(kWords, small) == std::end(kWords);
}

std::string spell_text(const std::string& text) {
  return can_be_plain(text) ? text : spell_quoted(text, '"');
}

std::string spell_key(const std::string& key, const FlowStyle& style) {
  return style.quoted ? spell_quoted(key, '"') : spell_text(key);
}

// The lines of a collection behind a dash begin on the dash's own line.
void add_element(std::vector<std::string>& lines, const ordered_json& value,
                 const BlockStyle& style, std::size_t indent);

void add_entry(std::vector<std::string>& lines, const std::string& key, const ordered_json& value,
               const BlockStyle& style, std::size_t indent) {
  std::string head = std::string(indent, ' ') + spell_text(key) + ':';
  if (!is_collection(value)) {
    lines.push_back(head + ' ' + spell(value));
    return;
  }
  lines.push_back(std::move(head));
  if (value.is_array())
    for (const auto& element : value) add_element(lines, element, style, indent + style.list_step);
  else
    for (const auto& [name, entry] : value.items())
      add_entry(lines, name, entry, style, indent + style.step);
}

void add_element(std::vector<std::string>& lines, const ordered_json& value,
                 const BlockStyle& style, std::size_t indent) {
  constexpr std::string_view kDash = "- ";
  if (!is_collection(value)) {
    lines.push_back(std::string(indent, ' ') + std::string(kDash) + spell(value));
    return;
  }
  const auto first = lines.size();
  if (value.is_array())
    for (const auto& element : value) add_element(lines, element, style, indent + kDash.size());
  else
    for (const auto& [name, entry] : value.items())
      add_entry(lines, name, entry, style, indent + kDash.size());
  lines[first].replace(indent, kDash.size(), kDash);
}

}  // namespace

std::string spell(const ordered_json& value) {
  return value.is_string() ? spell_text(value.get<std::string>()) : value.dump();
}

std::string spell_quoted(const std::string& text, char quote) {
  const bool printable =
      std::ranges::all_of(text, [](unsigned char c) { return c >= ' ' && c != 0x7F; });
  if (quote == '"' || !printable) return ordered_json(text).dump();
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + '\'';
}

std::string spell_flow(const ordered_json& value, const FlowStyle& style,
                       const std::string& indent) {
  if (!is_collection(value)) {
    if (style.quoted && value.is_string()) return spell_quoted(value.get<std::string>(), '"');
    return spell(value);
  }
  std::string out(1, value.is_array() ? '[' : '{');
  for (const auto& [key, entry] : value.items()) {
    if (out.size() > 1) out += style.lines ? "," : style.comma;
    if (style.lines) out += style.newline + indent + style.step;
    out += spell_flow(Entry{value.is_array() ? "" : key, entry}, style, indent + style.step);
  }
  if (style.lines) out += style.newline + indent;
  return out + (value.is_array() ? ']' : '}');
}

std::string spell_flow(const Entry& entry, const FlowStyle& style, const std::string& indent) {
  const std::string value = spell_flow(entry.value, style, indent);
  return entry.key.empty() ? value : spell_key(entry.key, style) + style.colon + value;
}

std::vector<std::string> spell_block(const Entry& entry, const BlockStyle& style,
                                     std::size_t indent, bool is_element) {
  std::vector<std::string> lines;
  if (is_element)
    add_element(lines, entry.value, style, indent);
  else
    add_entry(lines, entry.key, entry.value, style, indent);
  return lines;
}

}  // namespace plimsoll::fix
