#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "plimsoll/verdict.h"

namespace plimsoll {
namespace {

/// The edits of one rule, found by their place.
class EditIndex {
 public:
  explicit EditIndex(Edits edits) : all_(std::make_shared<const Edits>(std::move(edits))) {
    sorted_.reserve(all_->size());
    for (const Edit& edit : *all_) sorted_.push_back(&edit);
    std::ranges::sort(sorted_, {}, path_of);
  }

  /// Those at, above and below a JSON pointer, in the order in which they are made.
  [[nodiscard]] std::vector<std::shared_ptr<const Edit>> related(std::string_view pointer) const {
    std::vector<std::shared_ptr<const Edit>> found;
    const auto take = [&](const Edit* edit) { found.emplace_back(all_, edit); };
    for (auto end = pointer.size(); end != 0 && end != std::string_view::npos;
         end = pointer.rfind('/', end - 1))
      std::ranges::for_each(std::ranges::equal_range(sorted_, pointer.substr(0, end), {}, path_of),
                            take);
    const auto before_below = [&](std::string_view path) {
      const int order = path.compare(0, pointer.size(), pointer);
      return order < 0 ||
             (order == 0 && (path.size() == pointer.size() || path[pointer.size()] < '/'));
    };
    for (auto at = std::ranges::partition_point(sorted_, before_below, path_of);
         at != sorted_.end() && path_of(*at).starts_with(pointer) &&
         path_of(*at)[pointer.size()] == '/';
         ++at)
      take(*at);
    std::ranges::sort(found, {}, &std::shared_ptr<const Edit>::get);
    return found;
  }

 private:
  static std::string_view path_of(const Edit* edit) { return edit->path; }

  const std::shared_ptr<const Edits> all_;
  std::vector<const Edit*> sorted_;
};

void add_rule(const Pod& pod, const Rule& rule, std::vector<Violation>& out) {
  Findings findings;
  rule.check->evaluate(pod, rule.params, findings);
  if (findings.empty()) return;
  Edits edits;
  if (rule.check->fix != nullptr) rule.check->fix(pod, rule.params, edits);
  const EditIndex index(std::move(edits));
  for (Finding& finding : findings) {
    auto related = index.related(finding.path);
    out.push_back({rule.check, std::move(finding), std::move(related)});
  }
}

// Whether nothing that a pod is judged by has changed.
bool insignificant(const Review& review) {
  if (review.unchanged) return true;
  return review.facts.operation == Operation::Update && review.pod && review.faults.empty() &&
         review.old_pod && !significant_update(*review.pod, *review.old_pod);
}

// What a binding leads to for this review; empty: nothing.
std::optional<Mode> effective(const Binding& binding, const Review& review) {
  if (binding.mode != Mode::Enforce || review.scope != Scope::Workload) return binding.mode;
  if (binding.workloads == Workloads::Pass) return std::nullopt;
  if (binding.workloads == Workloads::Warn) return Mode::Warn;
  return review.unchanged ? Mode::Warn : Mode::Enforce;
}

/// What makes a finding of one object the same as one of another, in which things may stand
/// elsewhere: all but the numbers of its path. Messages name the container and the value.
using Sameness = std::tuple<const Check*, std::string, std::string_view>;

Sameness sameness(const Violation& violation) {
  const std::string_view path = violation.finding.path;
  std::string place;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    const auto step = path.substr(at, end - at);
    if (step.find_first_not_of("/0123456789") != std::string_view::npos) place += step;
    at = end;
  }
  return {violation.check, std::move(place), violation.finding.message};
}

/// Takes out of the violations, and gives, those that the old pod has as well.
std::vector<Violation> take_old(std::vector<Violation>& violations, const Review& review,
                                const Template& policy) {
  std::vector<Violation> old_ones;
  if (!review.pod || !review.old_pod) return old_ones;
  const auto before = violations_of(review.old_pod, {}, policy);
  std::multiset<Sameness> known;
  for (const Violation& violation : before) known.insert(sameness(violation));
  std::vector<Violation> new_ones;
  for (Violation& violation : violations) {
    const auto at = known.find(sameness(violation));
    if (at == known.end()) {
      new_ones.push_back(std::move(violation));
    } else {
      known.erase(at);
      old_ones.push_back(std::move(violation));
    }
  }
  violations = std::move(new_ones);
  return old_ones;
}

}  // namespace

extern constinit const Check kUnreadableField{
    .id = "unreadable-field",
    .title = "Every field that a check reads can be read",
    .rationale = "What cannot be read cannot be judged, and what cannot be judged is not let in.",
    .remedy = "Write the field once, with the type that the Kubernetes API asks for.",
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
  std::map<std::string_view, std::string_view> images;
  for (const Container* c : of_kind(old_pod, ContainerKind::Ephemeral))
    images.emplace(c->name, c->image);
  return std::ranges::any_of(of_kind(pod, ContainerKind::Ephemeral), [&](const Container* c) {
    const auto at = images.find(c->name);
    return at == images.end() || at->second != c->image;
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

bool to_be_judged(const Review& review) {
  if (review.scope != Scope::Pod && review.scope != Scope::Workload) return false;
  if (!review.pod && review.faults.empty()) return false;
  return review.scope != Scope::Pod || !insignificant(review);
}

Verdict judge(const Review& review, std::span<const Binding> bindings, bool dry_run) {
  Verdict verdict;
  if (!to_be_judged(review)) return verdict;
  // Most namespaces bind one template in several modes.
  std::map<const Template*, std::vector<Violation>> found;
  for (const Binding& binding : bindings) {
    if (!binding.covers(review.facts.namespace_name)) continue;
    const auto mode = effective(binding, review);
    if (!mode) continue;
    auto [at, first] = found.try_emplace(binding.policy.get());
    if (first) at->second = violations_of(review.pod, review.faults, *binding.policy);
    Judgement judgement{
        .mode = *mode, .policy = binding.policy, .source = binding.source, .violations = {}};
    if (&binding == &bindings.back())
      judgement.violations = std::move(at->second);
    else
      judgement.violations = at->second;
    if (*mode == Mode::Enforce && !judgement.violations.empty()) {
      if (binding.updates == Updates::Ratchet && review.facts.operation == Operation::Update)
        if (auto old_ones = take_old(judgement.violations, review, *binding.policy);
            !old_ones.empty())
          verdict.judgements.push_back({.mode = Mode::Warn,
                                        .policy = binding.policy,
                                        .source = binding.source,
                                        .violations = std::move(old_ones)});
      judgement.dry_run = dry_run && !judgement.violations.empty();
      if (judgement.dry_run)
        judgement.mode = Mode::Warn;
      else if (!judgement.violations.empty())
        verdict.allowed = false;
    }
    verdict.judgements.push_back(std::move(judgement));
  }
  return verdict;
}

}  // namespace plimsoll
