// What several checks share: the two levels of security context, exemptions, the standards' names.
//
// Ownership: a Level borrows the pod. Thread-safety: pure.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/check.h"
#include "plimsoll/pointer.h"

namespace plimsoll::checks {

inline constexpr std::string_view kPss = "PSS";
inline constexpr std::string_view kCisKubernetes = "CIS Kubernetes 1.23";
inline constexpr std::string_view kCisDocker = "CIS Docker 1.6.0";
inline constexpr std::string_view kNsa = "NSA/CISA Kubernetes Hardening Guide 1.2";

inline constexpr ParamSpec kExemptWindows = {
    "exemptWindows", "Pass every pod whose spec.os.name is windows: the field has no effect there.",
    ParamType::Flag};
inline constexpr ParamSpec kExemptUserNamespaces = {
    "exemptUserNamespaces",
    "Pass every pod with hostUsers: false: root in its user namespace is nobody on the node.",
    ParamType::Flag};

inline constexpr TextForm kVolumeKind{
    "a kind of volume", "write it as manifests do, such as emptyDir", [](std::string_view text) {
      return std::ranges::find(kVolumeKindNames, text) != kVolumeKindNames.end();
    }};

/// Whether the template exempts this pod.
/// Source: pod-security-admission policy/helpers.go, relaxPolicyForUserNamespacePod.
inline bool exempt(const Pod& pod, const Params& params) {
  return (pod.os_name == "windows" && params.flag(kExemptWindows.name)) ||
         (pod.host_users == false && params.flag(kExemptUserNamespaces.name));
}

inline bool contains(std::span<const std::string> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// A container's name as messages have it. One that the API server lets through has 63 bytes at
/// most; a longer one must not fill the memory by standing in every message.
inline std::string_view brief_name(const Container& container) {
  constexpr std::size_t kMost = 128;
  std::string_view name = container.name;
  if (name.size() <= kMost) return name;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  return name.substr(0, end);
}

inline std::string quoted(const Container& container) {
  return fmt::format("container \"{}\"", brief_name(container));
}

/// The JSON pointer of an annotation.
inline std::string annotation_path(const Pod& pod, std::string_view key) {
  std::string at = pod.path + "/metadata/annotations";
  append_token(at, key);
  return at;
}

/// The security context of the pod (`container` is null) or of one container.
struct Level {
  const Pod& pod;
  const Container* container;
  const SharedSecurityContext& context;

  /// The JSON pointer of a field, such as `/securityContext/runAsUser`.
  [[nodiscard]] std::string at(std::string_view field) const {
    return container == nullptr ? pod.spec(field) : container->path + std::string(field);
  }
  [[nodiscard]] std::string who() const {
    return container == nullptr ? "the pod" : quoted(*container);
  }
};

/// Calls `visit(const Level&)` for the pod and then for each of its containers.
template <class Visit>
void each_level(const Pod& pod, Visit visit) {
  visit(Level{pod, nullptr, pod.security_context});
  for (const Container& c : pod.containers) visit(Level{pod, &c, c.security_context});
}

/// `container "a"`, `containers "a", "b"`, of those for which `wanted(container)` holds.
template <class Wanted>
std::string list_containers(const Pod& pod, Wanted wanted) {
  std::string names;
  int count = 0;
  for (const Container& c : pod.containers)
    if (wanted(c)) {
      if (count++ > 0) names += ", ";
      names += fmt::format("\"{}\"", brief_name(c));
    }
  return fmt::format("container{} {}", count == 1 ? "" : "s", names);
}

// --- CEL -----------------------------------------------------------------------------------------

/// Texts as a CEL list, sorted, so that the order in a template does not count.
inline std::string cel_list(std::span<const std::string> texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(cel_text(text));
  std::ranges::sort(items);
  return fmt::format("[{}]", fmt::join(items, ", "));
}

/// True also of the pods that the template exempts.
inline std::string cel_or_exempt(const Params& params, const CelNames& in, std::string expression) {
  std::string out;
  if (params.flag(kExemptWindows.name))
    out +=
        fmt::format(R"(has({0}.os) && has({0}.os.name) && {0}.os.name == "windows" || )", in.spec);
  if (params.flag(kExemptUserNamespaces.name))
    out += fmt::format("has({0}.hostUsers) && {0}.hostUsers == false || ", in.spec);
  return out + expression;
}

/// `of` a security context that is called `c` holds of the pod's and of every container's.
inline std::string cel_each_level(const CelNames& in, std::string_view of) {
  return fmt::format("([{}] + {}).all(c, {})", in.context, in.contexts, of);
}

/// The same for a field that a container takes from the pod where it says nothing itself, and that
/// somebody must say: `of` holds wherever the field is said.
inline std::string cel_inherited(const CelNames& in, std::string_view field, std::string_view of) {
  return fmt::format("(has({0}.{2}) || {1}.all(c, has(c.{2}))) && {3}", in.context, in.contexts,
                     field, cel_each_level(in, fmt::format("!has(c.{}) || {}", field, of)));
}

}  // namespace plimsoll::checks
