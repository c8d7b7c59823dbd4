#include <algorithm>
#include <utility>

#include "plimsoll/verdict.h"

namespace plimsoll {
namespace {

// Whether one JSON pointer is the other, or stands above or below it.
bool related(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '/');
}

void add_rule(const Pod& pod, const Rule& rule, std::vector<Violation>& out) {
  Findings findings;
  rule.check->evaluate(pod, rule.params, findings);
  if (findings.empty()) return;
  Edits edits;
  if (rule.check->fix != nullptr) rule.check->fix(pod, rule.params, edits);
  for (Finding& finding : findings) {
    Violation& violation = out.emplace_back();
    violation.check = rule.check;
    for (const Edit& edit : edits)
      if (related(edit.path, finding.path)) violation.edits.push_back(edit);
    violation.finding = std::move(finding);
  }
}

// What an Enforce binding leads to for this review.
Mode effective(const Binding& binding, const Review& review) {
  if (binding.mode != Mode::Enforce || review.scope != Scope::Workload) return binding.mode;
  if (!binding.enforce_workloads) return Mode::Warn;
  const bool unchanged = review.facts.operation == Operation::Update && review.faults.empty() &&
                         review.old_pod && review.pod == review.old_pod;
  return unchanged ? Mode::Warn : Mode::Enforce;
}

}  // namespace

extern constinit const Check kUnreadableField{
    .id = "unreadable-field",
    .title = "Every field that a check reads can be read",
    .rationale = "What cannot be read cannot be judged, and what cannot be judged is not let in.",
    .remedy = "Give the field the type that the Kubernetes API asks for, once.",
    .severity = Severity::Critical,
    .references = {},
    .params = {},
    .example = "hostNetwork: false  # not \"false\"\n",
};

bool Binding::covers(std::string_view namespace_name) const {
  const auto matches = [&](const std::string& glob) { return glob_match(glob, namespace_name); };
  return (namespaces.empty() || std::ranges::any_of(namespaces, matches)) &&
         std::ranges::none_of(exclude_namespaces, matches);
}

bool glob_match(std::string_view glob, std::string_view text) {
  // Greedy, with one way back: to the last `*`, which then takes one byte more.
  std::size_t g = 0, t = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = t;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == text[t])) {
      ++g;
      ++t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

bool significant_update(const Pod& pod, const Pod& old_pod) {
  const auto of_kind = [](const Pod& in, ContainerKind kind) {
    std::vector<const Container*> list;
    for (const Container& c : in.containers)
      if (c.kind == kind) list.push_back(&c);
    return list;
  };
  for (const ContainerKind kind : {ContainerKind::Init, ContainerKind::Regular}) {
    const auto now = of_kind(pod, kind);
    const auto before = of_kind(old_pod, kind);
    if (!std::ranges::equal(now, before, {}, &Container::image, &Container::image)) return true;
  }
  const auto before = of_kind(old_pod, ContainerKind::Ephemeral);
  return std::ranges::any_of(of_kind(pod, ContainerKind::Ephemeral), [&](const Container* c) {
    const auto at = std::ranges::find(before, c->name, &Container::name);
    return at == before.end() || (*at)->image != c->image;
  });
}

std::vector<Violation> violations_of(const std::optional<Pod>& pod, std::span<const Fault> faults,
                                     const Template& policy) {
  std::vector<Violation> violations;
  // A template without rules asks nothing, not even that fields can be read.
  if (policy.rules->empty()) return violations;
  for (const Fault& fault : faults)
    violations.push_back({&kUnreadableField, {fault.path, fault.message}, {}});
  if (!pod) return violations;
  for (const Rule& rule : *policy.rules) {
    add_rule(*pod, rule, violations);
    if (violations.size() >= kMaxViolations) break;
  }
  return violations;
}

Verdict judge(const Review& review, std::span<const Binding> bindings, bool dry_run) {
  Verdict verdict;
  if (review.scope == Scope::NotOurs || (!review.pod && review.faults.empty())) return verdict;
  if (review.scope == Scope::Pod && review.facts.operation == Operation::Update && review.pod &&
      review.faults.empty() && review.old_pod && !significant_update(*review.pod, *review.old_pod))
    return verdict;
  for (const Binding& binding : bindings) {
    if (!binding.covers(review.facts.namespace_name)) continue;
    Judgement& judgement = verdict.judgements.emplace_back();
    judgement.policy = binding.policy;
    judgement.mode = effective(binding, review);
    judgement.violations = violations_of(review.pod, review.faults, *binding.policy);
    if (judgement.mode == Mode::Enforce && !judgement.violations.empty()) {
      judgement.dry_run = dry_run;
      if (dry_run)
        judgement.mode = Mode::Warn;
      else
        verdict.allowed = false;
    }
  }
  return verdict;
}

}  // namespace plimsoll
