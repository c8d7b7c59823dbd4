#include <fmt/format.h>

#include <algorithm>

#include "policy/labels.h"
#include "policy/policy.h"

namespace plimsoll::policy {
namespace {

/// Adds a binding, or its source to the one that asks the same.
void add(std::vector<Binding>& bindings, Binding binding) {
  const auto same = std::ranges::find_if(bindings, [&](const Binding& b) {
    return b.mode == binding.mode && b.policy == binding.policy &&
           b.workloads == binding.workloads && b.updates == binding.updates;
  });
  if (same == bindings.end())
    bindings.push_back(std::move(binding));
  else
    same->source += " and " + binding.source;
}

void add_labels(NamespacePolicy& out, const Policy& policy, const Labels& labels,
                std::string_view family) {
  std::vector<LabelProblem> problems;
  const LabelPolicy asked = read_labels(labels, family, policy.library, problems);
  for (const Mode mode : {Mode::Enforce, Mode::Warn, Mode::Audit}) {
    const Asked& one = asked.in(mode);
    if (!one.policy || one.policy->rules->empty()) continue;
    // What `enforce` says of workloads is said by `warn`: its own word, or the same.
    const bool said = mode == Mode::Warn && !asked.warn_is_explicit &&
                      one.policy == asked.in(Mode::Enforce).policy;
    if (said) continue;
    const bool warned = mode == Mode::Enforce && asked.in(Mode::Warn).policy == one.policy &&
                        !asked.warn_is_explicit;
    add(out.bindings, {.mode = mode,
                       .policy = one.policy,
                       .workloads = warned ? Workloads::Warn : Workloads::Pass,
                       .updates = policy.updates,
                       .source = fmt::format("label {}", one.label)});
  }
  const auto& enforced = asked.in(Mode::Enforce).policy;
  for (const LabelProblem& problem : problems) {
    const bool of_enforce = problem.label.starts_with(fmt::format("{}enforce", family));
    out.warnings.push_back(of_enforce && enforced ? fmt::format("{}; until then {} is enforced",
                                                                problem.message, enforced->ref())
                                                  : problem.message);
  }
}

}  // namespace

NamespacePolicy resolve(const Policy& policy, std::string_view namespace_name,
                        const Labels& labels) {
  NamespacePolicy out;
  for (const Binding& binding : policy.bindings) {
    if (!binding.covers(namespace_name) || !binding.selector.matches(labels)) continue;
    Binding here = binding;
    here.namespaces.clear();
    here.exclude_namespaces.clear();
    here.selector = {};
    add(out.bindings, std::move(here));
  }
  if (policy.namespace_labels)
    for (const std::string_view family : families_of(policy))
      add_labels(out, policy, labels, family);
  return out;
}

}  // namespace plimsoll::policy
