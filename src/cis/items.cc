#include <algorithm>

#include "cis/item.h"
#include "cis/sections.h"
#include "plimsoll/verdict.h"

namespace plimsoll::cis {

std::span<const Item* const> items() {
  static const std::vector<const Item*> kAll = [] {
    std::vector<const Item*> all;
    for (const auto section : {host_items(), daemon_items(), file_items(), image_items(),
                               container_items(), operation_items(), swarm_items()})
      for (const Item& item : section) all.push_back(&item);
    return all;
  }();
  return kAll;
}

bool matches(std::string_view pattern, std::string_view number) {
  return glob_match(pattern, number) ||
         (number.starts_with(pattern) && number.size() > pattern.size() &&
          number[pattern.size()] == '.');
}

bool Daemon::secures(std::string_view what) const {
  return std::ranges::any_of(security_options, [&](std::string_view option) {
    if (!option.starts_with("name=")) return false;
    option.remove_prefix(5);
    return option.substr(0, option.find(',')) == what;
  });
}

std::string_view Daemon::seccomp_profile() const {
  for (std::string_view option : security_options)
    if (option.starts_with("name=seccomp")) {
      const auto at = option.find("profile=");
      return at == std::string_view::npos ? "builtin" : option.substr(at + 8);
    }
  return {};
}

const std::vector<std::string>* Host::setting(std::string_view name) const {
  for (const auto* source : {&flags, &file})
    if (*source)
      if (const auto at = (*source)->find(name); at != (*source)->end()) return &at->second;
  return nullptr;
}

std::string_view Host::last(std::string_view name) const {
  const auto* values = setting(name);
  return values == nullptr || values->empty() ? std::string_view() : values->back();
}

std::string Host::unsure() const {
  if (!flags) return flags.why;
  return file ? "" : file.why;
}

}  // namespace plimsoll::cis
