#include <fmt/format.h>

#include <algorithm>

#include "cel/cel.h"

namespace plimsoll::cel {

Result<std::vector<Control>> controls_of(const Template& policy, const CelNames& names) {
  Error error;
  if (policy.rules->empty()) {
    error.message =
        fmt::format("template {} asks nothing: there is nothing to express", policy.ref());
    return error;
  }
  std::vector<Control> controls;
  std::vector<std::string_view> without;
  for (const Rule& rule : *policy.rules) {
    if (rule.check->cel == nullptr) {
      without.push_back(rule.check->id);
      continue;
    }
    std::string expression = rule.check->cel(rule.params, names);
    const auto same = std::ranges::find(controls, expression, &Control::expression);
    if (same == controls.end())
      controls.push_back({{rule.check}, std::move(expression)});
    else
      same->checks.push_back(rule.check);
  }
  if (without.empty()) return controls;
  error.message = fmt::format("template {} cannot be expressed in CEL: {} {} none", policy.ref(),
                              fmt::join(without, ", "), without.size() == 1 ? "has" : "have");
  error.remedy = "its pods are always sent to Plimsoll";
  return error;
}

std::string small_enough(const CelNames& n) {
  const auto size = [](std::string_view of, std::string_view field) {
    return fmt::format("(has({0}.{1}) ? {0}.{1}.size() : 0)", of, field);
  };
  return fmt::format(
      "{0}.size() <= 500 && {1}.size() <= 200 && {2}.size() <= 1000 &&\n"
      "{0}.map(c, {3} + {4} + {5}).sum() <= 1000 &&\n"
      "{6}.map(c, has(c.capabilities) ? {7} + {8} : 0).sum() <= 1000 &&\n"
      "{1}.map(v, has(v.projected) && has(v.projected.sources) && v.projected.sources != null ? "
      "v.projected.sources.size() : 0).sum() <= 1000 &&\n"
      "{9} <= 100 && {10} <= 100",
      n.containers, n.volumes, n.annotations, size("c", "ports"), size("c", "volumeMounts"),
      size("c", "volumeDevices"), n.contexts, size("c.capabilities", "add"),
      size("c.capabilities", "drop"), size(n.context, "sysctls"),
      size(n.context, "supplementalGroups"));
}

CelNames names_with(std::string_view prefix, Kind kind) {
  CelNames names;
  for (std::string* const name : {&names.spec, &names.annotations, &names.containers,
                                  &names.context, &names.contexts, &names.volumes})
    name->insert(0, prefix);
  names.workload = kind == Kind::Workloads;
  return names;
}

std::vector<Variable> variables_of(std::string_view prefix) {
  const auto with = [&](fmt::format_string<std::string_view&> text) {
    return fmt::format(text, prefix);
  };
  return {
      {"spec", with("{0}pod.spec")},
      {"annotations", with("has({0}pod.metadata) && has({0}pod.metadata.annotations) ? "
                           "{0}pod.metadata.annotations : {{}}")},
      {"containers", with("(has({0}spec.containers) && {0}spec.containers != null ? "
                          "{0}spec.containers : []) +\n"
                          "(has({0}spec.initContainers) ? {0}spec.initContainers : []) +\n"
                          "(has({0}spec.ephemeralContainers) ? {0}spec.ephemeralContainers : [])")},
      {"context", with("has({0}spec.securityContext) ? {0}spec.securityContext : {{}}")},
      // Comes before small_enough, which is false of more: to look at them all would cost too much.
      {"contexts", with("{0}containers.size() <= 500 ? {0}containers.map(c, "
                        "has(c.securityContext) ? c.securityContext : {{}}) : []")},
      {"volumes", with("has({0}spec.volumes) ? {0}spec.volumes : []")},
  };
}

}  // namespace plimsoll::cel
