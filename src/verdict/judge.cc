#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
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

/// Takes out of a list what it holds twice.
template <class T, class Key>
void keep_once(Bounded<T>& all, Key key) {
  std::set<decltype(key(all[0]))> seen;
  Bounded<T> once;
  for (T& one : all)
    if (seen.insert(key(one)).second) once.push_back(std::move(one));
  all = std::move(once);
}

/// Says what was appended for a pod of the true places.
template <class T>
void move_to_places(Bounded<T>& all, std::size_t first, const Pod& pod) {
  if (pod.moved.empty()) return;
  for (auto at = all.begin() + static_cast<std::ptrdiff_t>(first); at != all.end(); ++at)
    at->path = pod.place(std::move(at->path));
}

void add_rule(std::span<const Pod> pods, const Rule& rule, std::vector<Violation>& out) {
  Findings findings;
  Edits edits;
  bool may_share = false;
  for (const Pod& pod : pods) {
    const std::size_t first_finding = findings.size(), first_edit = edits.size();
    rule.check->evaluate(pod, rule.params, findings);
    if (findings.size() == first_finding) continue;
    if (rule.check->fix != nullptr) rule.check->fix(pod, rule.params, edits);
    move_to_places(findings, first_finding, pod);
    move_to_places(edits, first_edit, pod);
    may_share = may_share || !pod.moved.empty();
  }
  if (findings.empty()) return;
  if (may_share && pods.size() > 1) {
    keep_once(findings, [](const Finding& f) { return std::pair(f.path, f.message); });
    keep_once(edits, [](const Edit& edit) { return edit.path; });
  }
  const EditIndex index(std::move(edits));
  for (Finding& finding : findings) {
    auto related = index.related(finding.path);
    out.push_back({rule.check, std::move(finding), std::move(related)});
  }
}

// Whether nothing that a pod is judged by has changed.
bool insignificant(const Review& review) {
  if (review.unchanged) return true;
  return review.facts.operation == Operation::Update && review.faults.empty() &&
         std::ranges::equal(review.pods, review.old_pods, [](const Pod& pod, const Pod& old_pod) {
           return !significant_update(pod, old_pod);
         });
}

// What a binding leads to for this review; empty: nothing.
std::optional<Mode> effective(const Binding& binding, const Review& review) {
  if (binding.mode != Mode::Enforce || review.scope != Scope::Workload) return binding.mode;
  if (binding.workloads == Workloads::Pass) return std::nullopt;
  if (binding.workloads == Workloads::Warn) return Mode::Warn;
  return review.unchanged ? Mode::Warn : Mode::Enforce;
}

/// The words of a finding's message, and apart from them what it says in quotes: names and values.
struct Words {
  std::string frame;  ///< a list of quoted words is one gap in it
  std::set<std::string_view> quoted;
};

Words words_of(std::string_view message) {
  constexpr std::string_view kNext = ", \"";
  Words words;
  bool in_list = false;
  while (!message.empty()) {
    const auto begin = message.find('"');
    const auto end = begin == std::string_view::npos ? begin : message.find('"', begin + 1);
    if (end == std::string_view::npos) break;
    if (!in_list) words.frame += std::string(message.substr(0, begin)) + '"';
    words.quoted.insert(message.substr(begin + 1, end - begin - 1));
    message.remove_prefix(end + 1);
    in_list = message.starts_with(kNext);
  }
  words.frame += message;
  // A list of one is written in another number.
  if (const auto at = words.frame.find("containers \""); at != std::string::npos)
    words.frame.erase(at + std::string_view("container").size(), 1);
  return words;
}

/// The path without its numbers: things may stand elsewhere in another object.
std::string place_of(std::string_view path) {
  std::string place;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at + 1), path.size());
    const auto step = path.substr(at, end - at);
    if (step.find_first_not_of("/0123456789") != std::string_view::npos) place += step;
    at = end;
  }
  return place;
}

/// The violations of an old object, each of which excuses one of the new.
class Excuses {
 public:
  explicit Excuses(const std::vector<Violation>& before) {
    for (const Violation& v : before) {
      std::string place = place_of(v.finding.path);
      ++exact_[{v.check, place, v.finding.message}];
      by_place_[{v.check, std::move(place)}].push_back(&v);
    }
  }

  bool take(const Violation& now) {
    std::string place = place_of(now.finding.path);
    if (const auto at = exact_.find({now.check, place, now.finding.message});
        at != exact_.end() && at->second > 0) {
      --at->second;
      return true;
    }
    // Of a finding that lists containers, some may have been mended. There are few such.
    constexpr std::size_t kFew = 8;
    const auto near = by_place_.find({now.check, std::move(place)});
    if (near == by_place_.end() || near->second.size() > kFew) return false;
    const Words new_words = words_of(now.finding.message);
    return std::ranges::any_of(near->second, [&](const Violation* before) {
      const Words old_words = words_of(before->finding.message);
      return new_words.frame == old_words.frame && new_words.quoted != old_words.quoted &&
             std::ranges::includes(old_words.quoted, new_words.quoted);
    });
  }

 private:
  std::map<std::tuple<const Check*, std::string, std::string_view>, std::size_t> exact_;
  std::map<std::pair<const Check*, std::string>, std::vector<const Violation*>> by_place_;
};

/// Whether the finding is about a volume that a container which the old pod lacks now mounts.
bool newly_mounted(const Violation& violation, const Review& review) {
  constexpr std::string_view kVolumes = "/volumes/";
  const std::string& path = violation.finding.path;
  if (path.find(kVolumes) == std::string::npos) return false;
  return std::ranges::any_of(review.pods, [&](const Pod& pod) {
    const auto before = std::ranges::find(review.old_pods, pod.path, &Pod::path);
    return std::ranges::any_of(pod.containers, [&](const Container& c) {
      const bool old_one = before != review.old_pods.end() &&
                           std::ranges::find(before->containers, c.name, &Container::name) !=
                               before->containers.end();
      return !old_one && std::ranges::any_of(c.volume_mounts, [&](const VolumeMount& mount) {
        const auto at = std::ranges::find(pod.volumes, mount.name, &Volume::name);
        if (at == pod.volumes.end()) return false;
        const std::string volume =
            pod.spec(std::string(kVolumes) + std::to_string(at - pod.volumes.begin()));
        return path.starts_with(volume) &&
               (path.size() == volume.size() || path[volume.size()] == '/');
      });
    });
  });
}

/// Takes out of the violations, and gives, those that the old pod has as well.
std::vector<Violation> take_old(std::vector<Violation>& violations, const Review& review,
                                const Template& policy) {
  std::vector<Violation> old_ones;
  if (review.pods.empty() || review.old_pods.empty()) return old_ones;
  const auto before = violations_of(review.old_pods, {}, policy);
  // Past so many not all are looked for: nobody knows what is new.
  if (before.size() >= kMaxViolations || violations.size() >= kMaxViolations) return old_ones;
  Excuses excuses(before);
  std::vector<Violation> new_ones;
  for (Violation& violation : violations) {
    const bool old_one = excuses.take(violation) && !newly_mounted(violation, review);
    (old_one ? old_ones : new_ones).push_back(std::move(violation));
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
    .example = "hostNetwork: false\n",
    .counterexample = "hostNetwork: \"false\"  # a text\n",
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

std::vector<Violation> violations_of(std::span<const Pod> pods, std::span<const Fault> faults,
                                     const Template& policy) {
  std::vector<Violation> violations;
  // A template without rules asks nothing, not even that fields can be read.
  if (policy.rules->empty()) return violations;
  for (const Fault& fault : faults)
    violations.push_back({&kUnreadableField, {fault.path, fault.message}, {}});
  if (pods.empty()) return violations;
  for (const Rule& rule : *policy.rules) {
    add_rule(pods, rule, violations);
    if (violations.size() >= kMaxViolations) break;
  }
  return violations;
}

bool to_be_judged(const Review& review) {
  if (review.scope != Scope::Pod && review.scope != Scope::Workload) return false;
  if (review.pods.empty() && review.faults.empty()) return false;
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
    if (first) at->second = violations_of(review.pods, review.faults, *binding.policy);
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

Verdict judge_mode(const Review& review, std::span<const Binding> bindings, Mode mode,
                   bool dry_run) {
  const auto of = [&](Mode wanted) {
    std::vector<Binding> some;
    std::ranges::copy_if(bindings, std::back_inserter(some),
                         [&](const Binding& binding) { return binding.mode == wanted; });
    return judge(review, some, dry_run);
  };
  Verdict verdict = of(mode);
  if (mode != Mode::Warn || verdict.judgements.empty()) return verdict;
  const auto key = [](const Violation& v) {
    return std::tuple(v.check, std::string_view(v.finding.path),
                      std::string_view(v.finding.message));
  };
  const Verdict enforced = of(Mode::Enforce);
  std::set<decltype(key(std::declval<Violation>()))> said;
  for (const Judgement& judgement : enforced.judgements)
    for (const Violation& violation : judgement.violations) said.insert(key(violation));
  for (Judgement& judgement : verdict.judgements)
    std::erase_if(judgement.violations, [&](const Violation& v) { return said.contains(key(v)); });
  return verdict;
}

}  // namespace plimsoll
