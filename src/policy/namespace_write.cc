#include "policy/namespace_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "policy/labels.h"
#include "policy/nearest.h"

namespace plimsoll::policy {
namespace {

constexpr std::array kModes = {Mode::Enforce, Mode::Warn, Mode::Audit};

std::string field_of(std::string_view label) { return fmt::format("metadata.labels[{}]", label); }

bool stands_in(const Labels& labels, const LabelProblem& problem) {
  const auto at = labels.find(problem.label);
  return at != labels.end() && at->second == problem.value;
}

/// Why a write is denied, and whom to ask.
class Denials {
 public:
  void add(std::string reason, std::string_view label, std::string message) {
    causes_.push_back({std::move(reason), field_of(label), std::move(message)});
  }
  /// Denies, or warns where nothing is denied.
  void put_into(Verdict& verdict, std::string_view name, bool dry_run) && {
    if (causes_.empty()) return;
    std::string message = fmt::format("namespace \"{}\": ", name);
    for (const auto& cause : causes_) {
      if (&cause != causes_.data()) message += "; ";
      message += cause.message;
    }
    if (dry_run) {
      verdict.warnings.push_back("would be denied: " + message);
      return;
    }
    verdict.allowed = false;
    verdict.refusal = Refusal{.message = std::move(message), .causes = std::move(causes_)};
  }

 private:
  std::vector<Refusal::Cause> causes_;
};

void check_editors(const Policy& policy, const Review& review, std::string_view family,
                   const LabelPolicy& now, const LabelPolicy& before, Denials& denials) {
  if (policy.label_editors.empty() || policy.label_editors.include(review.facts)) return;
  for (const Mode mode : kModes) {
    const Asked& old_one = before.in(mode);
    const Asked& new_one = now.in(mode);
    // What another label asks for, as warn does without one of its own, is not said twice.
    const std::string label = fmt::format("{}{}", family, name_of(mode));
    if (!old_one.policy || old_one.policy->rules->empty() || old_one.label != label) continue;
    if (new_one.policy && at_least(*new_one.policy, *old_one.policy, policy.library)) continue;
    denials.add("label-editors", label,
                fmt::format("only {} may lower label {} from {} to {}; ask one of them",
                            policy.label_editors.names(), label, old_one.policy->ref(),
                            new_one.policy ? new_one.policy->ref() : "nothing"));
  }
}

/// Whether pods that were good enough may not be any more. Upstream's rule: of another version
/// nothing is certain.
bool rises(const std::shared_ptr<const Template>& to, const std::shared_ptr<const Template>& from,
           const templates::Library& library) {
  if (!to || to->rules->empty() || to == from) return false;
  return !from || from->version != to->version || !at_least(*from, *to, library);
}

/// Of several that rise, the strictest is worth a look.
void raise(std::shared_ptr<const Template>& raised, const std::shared_ptr<const Template>& to,
           const templates::Library& library) {
  if (!raised || at_least(*to, *raised, library)) raised = to;
}

// A key that nothing reads is a namespace that its owner takes for guarded.
void warn_of_unknown_keys(const Labels& labels, std::vector<std::string>& warnings) {
  constexpr std::array<std::string_view, 6> kKnown = {
      "enforce", "enforce-version", "warn", "warn-version", "audit", "audit-version"};
  for (const auto& [key, value] : labels) {
    if (!key.starts_with(kPlimsollLabels)) continue;
    const auto name = std::string_view(key).substr(kPlimsollLabels.size());
    if (std::ranges::find(kKnown, name) != kKnown.end()) continue;
    warnings.push_back(fmt::format("label {} is not known and does nothing; write {}{}", key,
                                   kPlimsollLabels, nearest(name, kKnown)));
  }
}

}  // namespace

bool Editors::include(const RequestFacts& facts) const {
  constexpr std::string_view kServiceAccount = "system:serviceaccount:";
  const auto contains = [](const std::vector<std::string>& list, std::string_view word) {
    return std::ranges::find(list, word) != list.end();
  };
  if (contains(users, facts.user)) return true;
  if (std::ranges::any_of(facts.groups, [&](const auto& group) { return contains(groups, group); }))
    return true;
  return std::ranges::any_of(service_accounts, [&](std::string account) {
    std::ranges::replace(account, '/', ':');
    return facts.user.starts_with(kServiceAccount) &&
           std::string_view(facts.user).substr(kServiceAccount.size()) == account;
  });
}

std::string Editors::names() const {
  std::vector<std::string> all;
  const auto add = [&](std::string_view kind, const std::vector<std::string>& list) {
    for (const std::string& name : list) all.push_back(fmt::format("{} \"{}\"", kind, name));
  };
  add("user", users);
  add("group", groups);
  add("service account", service_accounts);
  return fmt::format("{}", fmt::join(all, ", "));
}

NamespaceWrite judge_namespace(const Policy& policy, const Review& review) {
  NamespaceWrite write;
  Denials denials;
  const bool update = review.facts.operation == Operation::Update;
  for (const std::string_view family : families_of(policy)) {
    std::vector<LabelProblem> problems, old_problems;
    const auto now = read_labels(review.labels, family, policy.library, problems);
    const auto before = read_labels(review.old_labels, family, policy.library, old_problems);
    for (const LabelProblem& problem : problems) {
      if (update && stands_in(review.old_labels, problem))
        write.verdict.warnings.push_back(problem.message);
      else
        denials.add("namespace-label", problem.label, problem.message);
    }
    if (!update) continue;
    check_editors(policy, review, family, now, before, denials);
    for (const Mode mode : kModes) {
      const Asked& asked = now.in(mode);
      if (asked.label != fmt::format("{}{}", family, name_of(mode))) continue;
      if (rises(asked.policy, before.in(mode).policy, policy.library))
        raise(write.raised, asked.policy, policy.library);
    }
  }
  warn_of_unknown_keys(review.labels, write.verdict.warnings);
  std::move(denials).put_into(write.verdict, review.facts.name, policy.dry_run);
  const bool exempt = std::ranges::any_of(policy.exemptions.namespaces, [&](const auto& glob) {
    return glob_match(glob, review.facts.name);
  });
  if (!write.verdict.allowed || exempt) write.raised = nullptr;
  return write;
}

}  // namespace plimsoll::policy
