#include <charconv>

#include "plimsoll/template.h"

namespace plimsoll {

bool parse_version(std::string_view text, std::optional<MinorVersion>& out) {
  out.reset();
  if (text == "latest") return true;
  constexpr std::string_view kPrefix = "v1.";
  if (!text.starts_with(kPrefix)) return false;
  text.remove_prefix(kPrefix.size());
  // Upstream: ^v1\.([0-9]|[1-9][0-9]*)$
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  if (text.find_first_not_of("0123456789") != std::string_view::npos) return false;
  constexpr MinorVersion kFarFuture = 1'000'000;
  MinorVersion minor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), minor);
  if (error != std::errc{} || minor > kFarFuture) minor = kFarFuture;
  out = minor;
  return true;
}

std::optional<TemplateRef> TemplateRef::parse(std::string_view text) {
  TemplateRef ref;
  const auto at = text.find('@');
  ref.name = text.substr(0, at);
  if (ref.name.empty()) return std::nullopt;
  if (at != std::string_view::npos && !parse_version(text.substr(at + 1), ref.version))
    return std::nullopt;
  return ref;
}

}  // namespace plimsoll
