#include "app/replayed.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "app/findings.h"
#include "fix/patch.h"
#include "text/yaml.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using Now = Replayed::Now;

// Of a name or a path in a report. Longer ones are none that Kubernetes takes.
constexpr std::size_t kMostText = 256;
constexpr std::size_t kMostUsers = 5;  // of a group, that are named
// Namespaces whose labels are kept. A cluster is not made for more than a tenth of them.
constexpr std::size_t kMostNamespaces = 100'000;

constexpr std::string_view kNoLabels = "are in namespaces whose labels are not known",
                           kOlder =
                               "are older than what is known of their namespaces' labels: logs "
                               "of several API servers follow each other",
                           kOtherTemplate =
                               "were not judged by that template then, and a decision log holds no "
                               "objects",
                           kNoTemplate =
                               "are updates of workloads in a decision log, which does not say "
                               "whether the pod template changed",
                           kRatchet =
                               "are updates in a decision log, which does not say what is new in "
                               "them",
                           kNoGroups =
                               "may be exempt: a decision log has neither the groups of users nor "
                               "runtime classes";

/// What a binding finds of a decision: of the template's judgements then, that with most findings.
const codec::LoggedJudgement* find(const codec::Recorded& recorded, const std::string& ref) {
  const codec::LoggedJudgement* found = nullptr;
  for (const auto& judged : recorded.judged)
    if (judged.template_ref == ref && (found == nullptr || judged.findings > found->findings))
      found = &judged;
  return found;
}

Replayed replay_decision(const codec::Recorded& recorded, const policy::Policy& policy,
                         std::span<const Binding> bindings) {
  const Review& review = recorded.review;
  Replayed out;
  if (!policy::exempt(review, policy.exemptions).empty()) return out;
  for (const Binding& binding : bindings) {
    if (binding.mode != Mode::Enforce || !binding.covers(review.facts.namespace_name) ||
        binding.policy->rules->empty() ||
        (review.scope == Scope::Workload && binding.workloads != Workloads::Enforce))
      continue;
    const auto* const judged = find(recorded, binding.policy->ref());
    if (judged == nullptr) {
      out.why = kOtherTemplate;
      continue;
    }
    if (judged->findings == 0) continue;
    if (review.facts.operation == Operation::Update) {
      if (binding.updates == Updates::Ratchet) out.why = kRatchet;
      // Of a workload whose pod template is as it was, what is enforced is only warned about.
      else if (review.scope == Scope::Workload && judged->mode != Mode::Enforce)
        out.why = kNoTemplate;
      if (!out.why.empty()) continue;
    }
    out.verdict.allowed = false;
    out.verdict.judgements.push_back({.mode = Mode::Enforce,
                                      .policy = binding.policy,
                                      .source = binding.source,
                                      .violations = judged->violations});
  }
  const bool may_be_exempt =
      !policy.exemptions.groups.empty() || !policy.exemptions.runtime_classes.empty();
  if (!out.verdict.allowed && may_be_exempt)
    out = {Now::Unknown, kNoGroups, {}};
  else if (!out.verdict.allowed)
    out.now = Now::Denied;
  else if (!out.why.empty())
    out.now = Now::Unknown;
  return out;
}

std::string_view name_of(Operation operation) {
  return operation == Operation::Create ? "CREATE" : "UPDATE";
}

// Lines of one log may stand in another order when they are so near, in seconds.
constexpr std::int64_t kAtOnce = 1;

/// Of a time in RFC 3339, UTC: seconds since 1970; 0: none.
std::int64_t second_of(const std::string& time) {
  std::tm parts{};
  const bool read = ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) != nullptr;
  return read ? static_cast<std::int64_t>(::timegm(&parts)) : 0;
}

std::string brief(std::string text) { return verdict::cut(std::move(text), kMostText); }

/// Calls `each(judgement, violation)` for what a denial is for.
void each_violation(const Verdict& verdict, auto each) {
  for (const Judgement& judgement : verdict.judgements)
    if (judgement.mode == Mode::Enforce)
      for (const Violation& violation : judgement.violations) each(judgement, violation);
}

std::string key_of(const Change& change) {
  std::string findings;
  each_violation(change.verdict, [&](const Judgement& judgement, const Violation& violation) {
    findings += fmt::format("{} {} {}\n", judgement.policy->ref(), violation.check->id,
                            violation.finding.path);
  });
  const RequestFacts& facts = change.recorded.review.facts;
  std::string key;
  for (const std::string_view part :
       {std::string_view(facts.namespace_name), std::string_view(facts.group),
        std::string_view(facts.resource), std::string_view(facts.subresource),
        std::string_view(change.origins.family), std::string_view(change.origins.owner_kind),
        name_of(facts.operation), std::string_view(change.recorded.old_unknown ? "?" : ""),
        std::string_view(change.denied ? "denied" : "allowed")})
    (key += part) += '\0';
  return key + fingerprint_of({findings});
}

/// Takes out the findings that no report has, for many changes wait at once; gives their number.
std::size_t trim(Verdict& verdict) {
  std::size_t kept = 0, left_out = 0;
  for (Judgement& judgement : verdict.judgements) {
    if (judgement.mode != Mode::Enforce) judgement.violations.clear();
    const std::size_t keep = std::min(judgement.violations.size(), Changes::kMostFindings - kept);
    left_out += judgement.violations.size() - keep;
    judgement.violations.erase(judgement.violations.begin() + static_cast<std::ptrdiff_t>(keep),
                               judgement.violations.end());
    kept += keep;
  }
  return left_out;
}

std::size_t cost_of(const Resource& resource) {
  std::size_t cost = 1024 + resource.patch.size();
  for (const ReportedFinding& f : resource.findings)
    cost += sizeof f + f.container.size() + f.field.size() + f.path.size() + f.place.size() +
            f.message.size() + f.advice.size() + f.patch.size();
  return cost;
}

}  // namespace

Replayed replay(const codec::Recorded& recorded, const policy::Policy& policy,
                std::span<const Binding> bindings, std::string_view no_labels) {
  const auto unknown = [](std::string_view why) { return Replayed{Now::Unknown, why, {}}; };
  if (!recorded.unjudgeable.empty()) return unknown(recorded.unjudgeable);
  Replayed out;
  if (recorded.decision) {
    out = replay_decision(recorded, policy, bindings);
  } else {
    const Review& review = recorded.review;
    if (!to_be_judged(review) || !policy::exempt(review, policy.exemptions).empty()) return out;
    out.verdict = judge(review, bindings, false);
    if (!out.verdict.allowed) out.now = Now::Denied;
  }
  return out.now == Now::Allowed && !no_labels.empty() ? unknown(no_labels) : out;
}

Spaces::Spaces(std::shared_ptr<const policy::Policy> policy) : policy_(std::move(policy)) {
  std::ranges::copy_if(policy_->bindings, std::back_inserter(without_labels_),
                       [](const Binding& b) { return b.selector.requirements.empty(); });
  follows_ = policy_->namespace_labels || without_labels_.size() < policy_->bindings.size();
}

Spaces::Space* Spaces::at(const std::string& name) {
  const auto found = known_.find(name);
  if (found != known_.end()) return &found->second;
  return known_.size() < kMostNamespaces ? &known_[name] : nullptr;
}

void Spaces::learn(const std::string& name, const Labels& labels) {
  Space* const space = at(name);
  if (space == nullptr) return;
  space->labels = labels;
  space->holds = policy::resolve(*policy_, name, labels);
}

void Spaces::learn(const codec::Recorded& write) {
  if (write.review.facts.dry_run) return;  // nothing was written
  if (write.answer != codec::Answer::Allowed && write.answer != codec::Answer::Unknown) return;
  // Of a name that the API server has made only the object tells.
  std::string name = write.review.facts.name;
  if (name.empty()) name = codec::origins_of(write.object).name;
  Space* const space = name.empty() ? nullptr : at(name);
  if (space == nullptr) return;
  const bool known = write.unjudgeable.empty();
  // Most writes of a namespace change none.
  if (known && space->holds && space->labels == write.review.labels) return;
  const std::int64_t written = second_of(write.answered);
  const bool older = written > 0 && written + kAtOnce < space->written;
  if (!older && space->judged > space->judged_before) space->judged_before = space->judged;
  if (written > 0 && written + kAtOnce < space->judged_before) ++late_;
  if (older) return;
  space->written = written;
  space->judged = 0;
  if (!known) return space->holds.reset();
  space->labels = write.review.labels;
  space->holds = policy::resolve(*policy_, name, space->labels);
}

Replayed Spaces::judge(const codec::Recorded& recorded) {
  if (!follows_) return replay(recorded, *policy_, policy_->bindings, "");
  const std::string& name = recorded.review.facts.namespace_name;
  // What is of the whole cluster no label binds.
  if (name.empty()) return replay(recorded, *policy_, without_labels_, "");
  const auto at = known_.find(name);
  if (at == known_.end() || !at->second.holds)
    return replay(recorded, *policy_, without_labels_, kNoLabels);
  Space& space = at->second;
  const std::int64_t asked = second_of(recorded.answered);
  if (asked > 0 && asked + kAtOnce < space.written)
    return replay(recorded, *policy_, without_labels_, kOlder);
  space.judged = std::max(space.judged, asked);
  return replay(recorded, *policy_, space.holds->bindings, "");
}

ReplayCounts& ReplayCounts::operator+=(const ReplayCounts& other) {
  for (const auto member :
       {&ReplayCounts::lines, &ReplayCounts::requests, &ReplayCounts::allowed,
        &ReplayCounts::newly_denied, &ReplayCounts::still_denied, &ReplayCounts::no_longer,
        &ReplayCounts::denied_unknown, &ReplayCounts::failed, &ReplayCounts::as_sent})
    this->*member += other.*member;
  for (const auto& [why, count] : other.unknown) unknown[why] += count;
  return *this;
}

std::optional<Change> settle(codec::Recorded recorded, Replayed replayed, ReplayCounts& counts) {
  ++counts.requests;
  const Now now = replayed.now;
  const auto nothing = [](std::uint64_t& count) {
    ++count;
    return std::optional<Change>();
  };
  if (recorded.answer == codec::Answer::Failed) return nothing(counts.failed);
  if (recorded.as_sent && now != Now::Unknown) ++counts.as_sent;
  const bool was_denied = recorded.answer == codec::Answer::Denied;
  if (now == Now::Unknown)
    return nothing(was_denied ? counts.denied_unknown : counts.unknown[replayed.why]);
  if (was_denied == (now == Now::Denied))
    return nothing(was_denied ? counts.still_denied : counts.allowed);
  Change change{.denied = !was_denied,
                .recorded = std::move(recorded),
                .origins = {},
                .verdict = std::move(replayed.verdict),
                .left_out = 0,
                .key = {},
                .place = {}};
  ++(change.denied ? counts.newly_denied : counts.no_longer);
  const RequestFacts& facts = change.recorded.review.facts;
  if (!change.recorded.object.empty()) change.origins = codec::origins_of(change.recorded.object);
  if (change.origins.family.empty()) change.origins.family = facts.name;
  if (change.origins.name.empty()) change.origins.name = facts.name;
  if (change.origins.kind.empty()) change.origins.kind = facts.kind;
  change.key = key_of(change);
  change.left_out = trim(change.verdict);
  return change;
}

Changes::Group Changes::group_of(const Change& change) const {
  const Review& review = change.recorded.review;
  const RequestFacts& facts = review.facts;
  const codec::Origins& origins = change.origins;
  Group group;
  group.denied = change.denied;
  group.findings_left_out = change.left_out;
  group.operation = name_of(facts.operation);
  if (!origins.owner_kind.empty())
    group.owner = brief(fmt::format("{} {}", origins.owner_kind, origins.owner_name));
  group.example = change.place;
  group.id = brief(change.recorded.id);
  group.name = brief(origins.name);
  if (change.recorded.old_unknown)
    group.doubt = facts.resource == "pods" ? "only if it changes an image or adds a container"
                                           : "only if it changes the pod template";

  Resource& resource = group.resource;
  resource.api_version = brief(origins.api_version);
  resource.kind = brief(origins.kind);
  resource.namespace_name = brief(facts.namespace_name);
  resource.name = brief(origins.family);
  resource.outcome = change.denied ? Outcome::Fail : Outcome::Pass;

  const std::string text(change.recorded.object);
  text::YamlReader reader(text, "");
  auto document = reader.next();
  const bool readable = document && *document;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  std::vector<const Edit*> all;
  each_violation(change.verdict, [&](const Judgement& judgement, const Violation& violation) {
    ReportedFinding& finding = resource.findings.emplace_back();
    finding.check = violation.check;
    if (name_templates_) {
      finding.template_ref = judgement.policy->ref();
      finding.mode = plimsoll::name_of(Mode::Enforce);
    }
    finding.path = violation.finding.path;
    finding.field = verdict::field_of(finding.path);
    finding.place = readable ? place_of(**document, finding.path) : finding.field;
    finding.container = container_of(review.pods, finding.path);
    finding.message = violation.finding.message;
    finding.advice = verdict::advice(violation, finding.field);
    finding.fingerprint =
        fingerprint_of({change.key, finding.template_ref, finding.check->id, finding.path});
    if (violation.edits.empty() || json.is_discarded()) return;
    std::vector<const Edit*> own;
    for (const auto& edit : violation.edits) own.push_back(edit.get());
    finding.patch = fix::to_json_patch(own, json).dump();
    all.insert(all.end(), own.begin(), own.end());
  });
  if (!all.empty()) resource.patch = fix::to_json_patch(all, json).dump();
  return group;
}

void Changes::add(const Change& change) {
  auto at = groups_.find(change.key);
  if (at == groups_.end()) {
    if (groups_.size() == kMostGroups || bytes_ >= kMostBytes) {
      ++left_out_;
      return;
    }
    Group group = group_of(change);
    bytes_ += cost_of(group.resource) + change.key.size();
    if (keep_example_ && !change.recorded.object.empty()) group.file = keep_example_(change);
    at = groups_.emplace(change.key, std::move(group)).first;
  }
  Group& group = at->second;
  ++group.count;
  const RequestFacts& facts = change.recorded.review.facts;
  if (facts.dry_run) ++group.dry_runs;
  // Times of one form sort as they follow each other.
  if (const std::string& time = change.recorded.time; !time.empty() && time.size() <= kMostText) {
    if (group.first.empty() || time < group.first) group.first = time;
    if (time > group.last) group.last = time;
  }
  std::string user = brief(facts.user);
  if (user.empty() || std::ranges::find(group.users, user) != group.users.end()) return;
  if (group.users.size() == kMostUsers)
    group.more_users = true;
  else
    group.users.push_back(std::move(user));
}

std::vector<Resource> Changes::resources() const {
  std::vector<std::pair<std::string_view, const Group*>> sorted;
  for (const auto& [key, group] : groups_) sorted.emplace_back(key, &group);
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    const auto rank = [](const auto& entry) {
      const Resource& r = entry.second->resource;
      return std::tie(r.namespace_name, r.kind, r.name, entry.first);
    };
    return rank(a) < rank(b);
  });
  std::vector<Resource> resources;
  for (const auto& [key, group] : sorted) {
    Resource resource = group->resource;
    const auto say = [&](std::string_view name, const std::string& text) {
      if (!text.empty()) resource.facts.push_back({name, text});
    };
    const auto count = [&](std::string_view name, std::uint64_t number) {
      if (number > 0) resource.facts.push_back({name, number});
    };
    say("change", group->denied ? "newly denied" : "no longer denied");
    count("count", group->count);
    say("operation", std::string(group->operation));
    say("doubt", std::string(group->doubt));
    say("owner", group->owner);
    std::vector<std::string> users = group->users;
    std::ranges::sort(users);
    if (group->more_users) users.emplace_back("others");
    say("users", fmt::format("{}", fmt::join(users, ", ")));
    say("first", group->first);
    say("last", group->last);
    count("dryRuns", group->dry_runs);
    count("findingsLeftOut", group->findings_left_out);
    say("exampleName", group->name);
    say("example", group->example);
    say("exampleId", group->id);
    say("exampleFile", group->file);
    resources.push_back(std::move(resource));
  }
  return resources;
}

}  // namespace plimsoll::app
