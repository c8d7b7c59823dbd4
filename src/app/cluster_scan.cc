#include "app/cluster_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "app/findings.h"
#include "app/owners.h"
#include "codec/object_list.h"
#include "codec/pod.h"
#include "fix/patch.h"
#include "kube/collection.h"
#include "kube/discovery.h"
#include "kube/namespaces.h"
#include "kube/objects.h"
#include "policy/namespace_write.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

// Lines about single objects that could not be read.
constexpr std::size_t kMostUnreadable = 100;
constexpr std::size_t kMostNames = 10;  // in a line
// Namespaces in a row that refuse a kind: the others are not asked.
constexpr std::size_t kMostForbidden = 200;
// Namespaces that come while the cluster is read, and are read after it.
constexpr std::size_t kMostStrangers = 100;

// What Kubernetes makes for itself.
constexpr std::array<std::string_view, 3> kSystemNamespaces = {"kube-node-lease", "kube-public",
                                                               "kube-system"};

/// A kind that is listed.
struct Kind {
  std::string group, version, resource, kind;
  bool namespaced = true;

  [[nodiscard]] std::string api_version() const {
    return group.empty() ? version : group + "/" + version;
  }
  /// `pods`, `jobs.batch`
  [[nodiscard]] std::string full() const {
    return group.empty() ? resource : resource + "." + group;
  }
};

// The largest first, so that it is known early how much there is to read.
const std::array<Kind, 8>& own_kinds() {
  static const std::array<Kind, 8> kKinds = {
      {{"", "v1", "pods", "Pod"},
       {"apps", "v1", "deployments", "Deployment"},
       {"apps", "v1", "statefulsets", "StatefulSet"},
       {"apps", "v1", "daemonsets", "DaemonSet"},
       {"batch", "v1", "cronjobs", "CronJob"},
       {"", "v1", "replicationcontrollers", "ReplicationController"},
       {"batch", "v1", "jobs", "Job"},
       {"apps", "v1", "replicasets", "ReplicaSet"}}};
  return kKinds;
}

/// A template, and what follows from its findings.
struct Bound {
  std::shared_ptr<const Template> policy;
  std::string_view mode;  ///< empty: nothing binds it, it was asked for
  bool operator==(const Bound&) const = default;
};

/// A namespace; the first one stands for all that is in none.
struct Space {
  std::string name;
  Labels labels;
  std::vector<std::uint32_t> bounds;  ///< what holds in it, by number; enforced ones first
  std::string skipped;                ///< why nothing in it is judged; empty: it is
  /// The templates that are enforced in it, without those that another of them implies.
  std::vector<std::shared_ptr<const Template>> enforced;
  std::shared_ptr<const Template> labelled;  ///< the one that its label asks for; may be null
  bool incomplete = false;                   ///< not everything in it could be read
};

kube::PageHead page_of(const codec::ListHead& head) {
  return {head.continue_token, head.items, head.remaining};
}

std::string joined(const std::vector<std::string>& names) {
  const std::size_t shown = std::min(names.size(), kMostNames);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

/// A DNS label, RFC 1123, as the name of every namespace is one.
bool is_label(std::string_view name) {
  return !name.empty() && !name.starts_with('-') && !name.ends_with('-') &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

/// The rule that a role lacks.
std::string rule_of(const Kind& kind, std::string_view verb) {
  return fmt::format("{{apiGroups: [\"{}\"], resources: [{}], verbs: [{}]}}", kind.group,
                     kind.resource, verb);
}

std::int64_t number_at(codec::Json json, std::string_view pointer, std::int64_t otherwise) {
  std::int64_t number = 0;
  return json.at_pointer(pointer).get(number) == simdjson::SUCCESS ? number : otherwise;
}

std::string_view text_at(codec::Json json, std::string_view pointer) {
  std::string_view text;
  return json.at_pointer(pointer).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

/// Kinds whose objects run to an end and are kept then.
bool runs_to_an_end(const Kind& kind) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"argoproj.io", "AnalysisRun"}, {"argoproj.io", "Experiment"},
      {"argoproj.io", "Workflow"},    {"batch", "Job"},
      {"batch.volcano.sh", "Job"},    {"jobset.x-k8s.io", "JobSet"},
      {"ray.io", "RayJob"},           {"kueue.x-k8s.io", "Workload"}};
  return kind.group == "kubeflow.org" || std::ranges::any_of(kKinds, [&](const auto& one) {
           return one.first == kind.group && one.second == kind.kind;
         });
}

/// Whether it has, as one of these kinds says it: by a condition or a phase.
/// Sources: kubernetes pkg/controller/job/utils.go, IsJobFinished; the API types of the others.
bool is_finished(codec::Json object) {
  constexpr std::string_view kEnds[] = {"Complete",  "Completed",  "Error",
                                        "Failed",    "Finished",   "Inconclusive",
                                        "Succeeded", "Successful", "Terminated"};
  const auto is_end = [&](std::string_view word) {
    return std::ranges::find(kEnds, word) != std::end(kEnds);
  };
  for (const char* phase : {"/status/phase", "/status/state/phase", "/status/jobDeploymentStatus"})
    if (is_end(text_at(object, phase))) return true;
  simdjson::dom::array conditions;
  if (object.at_pointer("/status/conditions").get(conditions) != simdjson::SUCCESS) return false;
  return std::any_of(conditions.begin(), conditions.end(), [&](codec::Json condition) {
    return text_at(condition, "/status") == "True" && is_end(text_at(condition, "/type"));
  });
}

bool is_own(std::string_view group, std::string_view kind) {
  return !places_in(group, kind, {}).empty();
}

/// Whether a controller keeps it only to be able to go back to it.
bool is_old_revision(const Kind& kind, const codec::ListedObject& object) {
  // Source: knative serving pkg/apis/serving, RoutingStateReserve.
  if (kind.group == "serving.knative.dev" && kind.kind == "Revision")
    return text_at(object.json, "/metadata/labels/serving.knative.dev~1routingState") == "reserve";
  const bool keeps = kind.kind == "ReplicaSet" || kind.kind == "ReplicationController" ||
                     (kind.kind == "Deployment" && object.controller->kind == "Revision");
  return keeps && is_own(kind.group, kind.kind) && number_at(object.json, "/spec/replicas", 1) == 0;
}

// The templates that are tried, without the one that everything meets, and what is enforced.
static_assert(std::tuple_size_v<Failed> == std::size(kLevels));

class Scan {
 public:
  enum class Purpose { Report, Advice };

  Scan(kube::Transport& transport, const ScanOptions& options, Purpose purpose,
       std::vector<std::string>& missing)
      : options_(options),
        policy_(*options.policy),
        purpose_(purpose),
        missing_(missing),
        reader_(transport, {}, {}, [this](const std::string& line) { note(line); }, options.wait) {
    for (std::size_t i = 1; i < std::size(kLevels); ++i)
      levels_[i - 1] = policy_.library.find({std::string(kLevels[i]), std::nullopt});
  }

  Status read() {
    if (auto error = read_namespaces()) return error;
    std::vector<Kind> kinds(own_kinds().begin(), own_kinds().end());
    for (const Kind& kind : kinds) read_kind(kind);
    for (Kind& kind : custom_kinds()) {
      read_kind(kind);
      kinds.push_back(std::move(kind));
    }
    if (!strangers_.empty()) read_strangers(kinds);
    if (unreadable_ > kMostUnreadable)
      missing_.push_back(
          fmt::format("{} more could not be read whole", unreadable_ - kMostUnreadable));
    return {};
  }

  void report(const std::function<void(const Resource&, bool complete)>& each, Summary& summary) {
    const auto owners = owners_.settle(ranks());
    const auto give = [&](const Resource& resource, const Space& space) {
      summary.add(resource);
      each(resource, !space.incomplete);
    };
    const auto give_owner = [&](const Owner& owner) {
      give(resource_of(owner), spaces_[owner.space]);
    };
    // Sorted by namespace, kind and name: what is in no namespace, a Namespace among it, is first.
    auto at = owners.begin();
    for (; at != owners.end() && (*at)->space == 0 && kind_of(**at) < "Namespace"; ++at)
      give_owner(**at);
    give_skipped_namespaces(owners, give);
    for (; at != owners.end(); ++at)
      if (spaces_[(*at)->space].skipped.empty() || (*at)->space == 0) give_owner(**at);
  }

  void advise(const std::function<void(const Advice&)>& each) {
    const auto owners = owners_.settle(ranks());
    auto at = owners.begin();
    while (at != owners.end() && (*at)->space == 0) ++at;
    for (const std::uint32_t space : in_order()) {
      const auto begin = at;
      while (at != owners.end() && (*at)->space == space) ++at;
      each(advice_for(spaces_[space], std::span(begin, at)));
    }
  }

 private:
  // --- namespaces

  [[nodiscard]] bool needs_labels() const {
    return purpose_ == Purpose::Advice || (!options_.everywhere && policy_.namespace_labels);
  }

  [[nodiscard]] bool is_excluded(std::string_view name) const {
    return std::ranges::any_of(options_.exclude_namespaces,
                               [&](const std::string& glob) { return glob_match(glob, name); });
  }

  Status read_namespaces() {
    add_space("", {});
    if (!options_.namespaces.empty()) return read_named_namespaces();
    const auto collected = list_namespaces();
    if (!collected.error) return {};
    Error error = *collected.error;
    if (collected.status == 403)
      error.remedy = fmt::format("name namespaces with -n, or allow it with a role: {}",
                                 rule_of({"", "v1", "namespaces", "Namespace", false}, "list"));
    return error;
  }

  /// `wanted`: only these; null: all.
  kube::Collected list_namespaces(const std::set<std::string>* wanted = nullptr) {
    return reader_.read(
        "namespaces", kube::path_of("", "v1", "namespaces", "", ""),
        [&](std::string& page) -> Result<kube::PageHead> {
          const auto head = list_.read(page, [&](const codec::ListedObject& object) {
            if (!is_excluded(object.name) && (wanted == nullptr || wanted->contains(object.name)))
              add_space(object.name, labels_of(object.json));
          });
          if (!head) return head.error();
          return page_of(*head);
        },
        kube::kMetadataList);
  }

  // Namespaces that came while the cluster was read: objects in them were met without the labels.
  void read_strangers(std::span<const Kind> kinds) {
    const auto known = static_cast<std::uint32_t>(spaces_.size());
    if (const auto collected = list_namespaces(&strangers_); collected.error)
      return add_missing(fmt::format("namespaces that came while the cluster was read: {}",
                                     collected.error->to_string()),
                         {});
    std::vector<std::string> gone;
    for (const std::string& name : strangers_)
      if (!space_of_.contains(name)) gone.push_back(name);
    if (!gone.empty())
      note(fmt::format("namespaces that came while the cluster was read, and are not listed, are "
                       "not in the report: {}",
                       joined(gone)));
    std::vector<std::uint32_t> came;
    for (std::uint32_t space = known; space < spaces_.size(); ++space) came.push_back(space);
    for (const Kind& kind : kinds)
      if (kind.namespaced && !came.empty()) read_in_each(kind, came);
  }

  Status read_named_namespaces() {
    const std::set<std::string> names(options_.namespaces.begin(), options_.namespaces.end());
    std::size_t answers = 0;
    for (const std::string& name : names) {
      const kube::Request request{.path = kube::path_of("", "v1", "namespaces", "", name),
                                  .accept = std::string(kube::kMetadata)};
      const auto response = reader_.get(request);
      if (!response || response->status == 401) {
        Error error = response ? kube::api_error(request, *response) : response.error();
        if (answers == 0) return error;
        missing_.push_back(fmt::format("namespace {}: {}", name, error.to_string()));
        continue;
      }
      ++answers;
      if (response->status == 200) {
        if (auto read = kube::read_namespace(response->body))
          add_space(name, *read->labels);
        else
          missing_.push_back(fmt::format("namespace {}: {}", name, read.error().to_string()));
      } else if (response->status == 403 && !needs_labels()) {
        add_space(name, {});
      } else if (response->status == 403) {
        missing_.push_back(fmt::format(
            "namespace {}: its labels say what binds it, and reading them is forbidden; allow it "
            "with a role: {}",
            name, rule_of({"", "v1", "namespaces", "Namespace", false}, "get")));
      } else if (response->status == 404) {
        missing_.push_back(fmt::format("namespace {}: there is none of that name", name));
      } else {
        missing_.push_back(
            fmt::format("namespace {}: {}", name, kube::api_error(request, *response).to_string()));
      }
    }
    return {};
  }

  static Labels labels_of(codec::Json object) {
    Labels labels;
    simdjson::dom::object members;
    if (object.at_pointer("/metadata/labels").get(members) != simdjson::SUCCESS) return labels;
    for (const auto member : members)
      if (std::string_view value; member.value.get(value) == simdjson::SUCCESS)
        labels.emplace(member.key, value);
    return labels;
  }

  void add_space(const std::string& name, Labels labels) {
    const auto index = static_cast<std::uint32_t>(spaces_.size());
    if (!space_of_.try_emplace(name, index).second) return;
    Space& space = spaces_.emplace_back();
    space.name = name;
    space.labels = std::move(labels);
    space.incomplete = all_incomplete_;
    const bool exempt = std::ranges::any_of(
        policy_.exemptions.namespaces,
        [&](const std::string& glob) { return !name.empty() && glob_match(glob, name); });
    if (exempt) {
      space.skipped = "it is exempt by the configuration";
      return;
    }
    if (options_.everywhere && purpose_ == Purpose::Report) {
      space.bounds.push_back(number_of({options_.everywhere, {}}));
      return;
    }
    const auto held = policy::resolve(policy_, name, space.labels);
    for (const std::string& warning : held.warnings)
      note(fmt::format("namespace {}: {}", name, warning));
    if (purpose_ == Purpose::Advice) return add_enforced(space, held.bindings);
    for (const Mode mode : {Mode::Enforce, Mode::Warn, Mode::Audit})
      for (const Binding& binding : held.bindings)
        if (binding.mode == mode) add_bound(space, {binding.policy, name_of(mode)});
    if (space.bounds.empty())
      space.skipped = name.empty()
                          ? "nothing binds a template to what is in no namespace; judge it "
                            "with -t"
                          : "nothing binds a template to it; label it with "
                            "plimsoll.dev/enforce, or judge it with -t";
  }

  void add_enforced(Space& space, std::span<const Binding> bindings) {
    const auto implies = [&](const auto& strict, const auto& other) {
      return policy::at_least(*strict, *other, policy_.library);
    };
    for (const Binding& binding : bindings) {
      if (binding.mode != Mode::Enforce) continue;
      if (binding.source.starts_with("label plimsoll.dev/")) space.labelled = binding.policy;
      const auto& asked = binding.policy;
      if (std::ranges::any_of(space.enforced, [&](const auto& e) { return implies(e, asked); }))
        continue;
      std::erase_if(space.enforced, [&](const auto& e) { return implies(asked, e); });
      space.enforced.push_back(asked);
    }
  }

  // What a stronger mode asks need not be asked again.
  void add_bound(Space& space, const Bound& bound) {
    const bool asked = std::ranges::any_of(
        space.bounds, [&](std::uint32_t other) { return bounds_[other].policy == bound.policy; });
    if (!asked) space.bounds.push_back(number_of(bound));
  }

  std::uint32_t number_of(const Bound& bound) {
    const auto at = std::ranges::find(bounds_, bound);
    if (at != bounds_.end()) return static_cast<std::uint32_t>(at - bounds_.begin());
    bounds_.push_back(bound);
    return static_cast<std::uint32_t>(bounds_.size() - 1);
  }

  /// Spaces but the first, sorted by name.
  [[nodiscard]] std::vector<std::uint32_t> in_order() const {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 1; i < spaces_.size(); ++i) order.push_back(i);
    std::ranges::sort(order, {},
                      [&](std::uint32_t i) { return std::string_view(spaces_[i].name); });
    return order;
  }
  [[nodiscard]] std::vector<std::uint32_t> ranks() const {
    std::vector<std::uint32_t> rank(spaces_.size());
    std::uint32_t next = 0;
    for (const std::uint32_t space : in_order()) rank[space] = ++next;
    return rank;
  }

  // --- kinds

  std::vector<Kind> custom_kinds() {
    std::vector<Kind> kinds;
    // Of most groups nothing is wanted: a metrics server that is away hides no pods.
    auto served = kube::discover(
        reader_, [&](std::string_view group) { return policy_.pod_places.has_group(group); });
    if (!served) {
      add_missing("custom kinds that hold pods: " + served.error().to_string(), {});
      return kinds;
    }
    for (std::string& line : served->missing) add_missing(std::move(line), {});
    for (kube::ServedResource& one : served->resources)
      if (!policy_.pod_places.find(one.group, one.kind).empty() && !is_own(one.group, one.kind))
        kinds.push_back({std::move(one.group), std::move(one.version), std::move(one.resource),
                         std::move(one.kind), one.namespaced});
    return kinds;
  }

  void read_kind(const Kind& kind) {
    if (!options_.namespaces.empty()) {
      if (kind.namespaced) read_in_each(kind, in_order());
      return;
    }
    const auto collected = read_list(kind, "");
    if (!collected.error) return;
    if (collected.status == 403 && kind.namespaced && collected.items == 0)
      return read_in_each(kind, in_order());
    // What is in no namespace hides nothing of the others.
    using Spaces = std::vector<std::uint32_t>;
    add_missing(words_for(kind, collected), kind.namespaced ? Spaces{} : Spaces{0});
  }

  /// The namespaces are asked for one by one where all at once is forbidden, or more than needed.
  void read_in_each(const Kind& kind, const std::vector<std::uint32_t>& spaces) {
    std::vector<std::string> forbidden;
    std::vector<std::uint32_t> refused;
    std::size_t in_a_row = 0;
    for (const std::uint32_t space : spaces) {
      const auto collected = read_list(kind, spaces_[space].name);
      if (collected.status != 403) in_a_row = 0;
      if (!collected.error) continue;
      if (collected.unanswered || collected.status >= 500) {
        // Nobody would answer about the others either, or not as fast as there are namespaces.
        add_missing(words_for(kind, collected), spaces);
        break;
      }
      if (collected.status == 403) {
        forbidden.push_back(spaces_[space].name);
        refused.push_back(space);
        if (++in_a_row < kMostForbidden) continue;
        add_missing(
            fmt::format("{}: listing them is forbidden in {} namespaces, and the others were "
                        "not asked for; allow it with a role: {}",
                        kind.full(), forbidden.size(), rule_of(kind, "list")),
            spaces);
        return;
      } else {
        add_missing(
            fmt::format("namespace {}: {}", spaces_[space].name, words_for(kind, collected)),
            {space});
      }
    }
    if (!forbidden.empty())
      add_missing(fmt::format("{} in {} {}: listing them is forbidden; allow it with a role: {}",
                              kind.full(), forbidden.size() == 1 ? "namespace" : "namespaces",
                              joined(forbidden), rule_of(kind, "list")),
                  refused);
  }

  static std::string words_for(const Kind& kind, const kube::Collected& collected) {
    if (collected.status == 403)
      return fmt::format("{}: listing them is forbidden; allow it with a role: {}", kind.full(),
                         rule_of(kind, "list"));
    const std::string why = collected.error->to_string();
    if (collected.items == 0) return fmt::format("{}: {}", kind.full(), why);
    return fmt::format("{}: only the first {} were read: {}", kind.full(), collected.items, why);
  }

  /// No spaces: all of them, also those that come.
  void add_missing(std::string line, const std::vector<std::uint32_t>& spaces) {
    missing_.push_back(std::move(line));
    if (spaces.empty()) {
      all_incomplete_ = true;
      for (Space& space : spaces_) space.incomplete = true;
    }
    for (const std::uint32_t space : spaces) spaces_[space].incomplete = true;
  }

  kube::Collected read_list(const Kind& kind, const std::string& space) {
    const std::string path = kube::path_of(kind.group, kind.version, kind.resource, space, "");
    const std::string what = space.empty() ? kind.full() : kind.full() + " in " + space;
    auto collected = reader_.read(what, path, [&](std::string& page) -> Result<kube::PageHead> {
      const auto head =
          list_.read(page, [&](const codec::ListedObject& object) { take(kind, object); });
      if (!head) return head.error();
      read_ += head->items;
      if (options_.progress) options_.progress(read_, head->remaining);
      return page_of(*head);
    });
    // A custom kind may go while the cluster is read.
    if (collected.status == 404 && collected.items == 0 && !is_own(kind.group, kind.kind))
      collected.error.reset();
    return collected;
  }

  // --- objects

  void take(const Kind& kind, const codec::ListedObject& object) {
    const auto at = space_of_.find(object.namespace_name);
    if (at == space_of_.end()) {
      if (!options_.namespaces.empty() || is_excluded(object.namespace_name)) return;
      if (strangers_.size() < kMostStrangers)
        strangers_.insert(object.namespace_name);
      else if (!strangers_.contains(object.namespace_name) && !std::exchange(more_strangers_, true))
        missing_.push_back(
            fmt::format("more than {} namespaces came while the cluster was read", kMostStrangers));
      return;
    }
    if (object.name.empty()) {
      unreadable(kind, object, "it has no name");
      return;
    }
    if (kind.kind == "Pod" && kind.group.empty())
      take_pod(kind, at->second, object);
    else
      take_workload(kind, at->second, object);
  }

  void take_pod(const Kind& kind, std::uint32_t space, const codec::ListedObject& object) {
    if (object.ended || !owners_.first_time(space, object)) return;
    const Owner::Index controller = owners_.controller_of(space, object);
    if (controller != Owner::kNone) {
      Owner& owner = owners_[controller];
      owners_.add_pod(owner, judge(kind, space, object, owner, false));
      return;
    }
    const Owner::Index index = owners_.of_object(space, object, "v1", kind.kind);
    owners_.set_controller(index, space, object);
    Owner& owner = owners_[index];
    owner.listed = owner.active = true;
    ++owner.pods;  // others may have named it as their controller
    Judged judged = judge(kind, space, object, owner, true);
    if (judged.exempt) ++owner.exempt_pods;
    owners_.add_own(owner, std::move(judged));
  }

  void take_workload(const Kind& kind, std::uint32_t space, const codec::ListedObject& object) {
    const Owner::Index index = owners_.of_object(space, object, kind.api_version(), kind.kind);
    if (owners_[index].listed) return;
    owners_.set_controller(index, space, object);
    Owner& owner = owners_[index];
    owner.listed = true;
    const bool controlled = owner.controller != Owner::kNone;
    owner.active = !(runs_to_an_end(kind) && is_finished(object.json)) &&
                   !(controlled && is_old_revision(kind, object));
    if (!owner.active) return;
    // Also where its controller was judged: anybody may name one, and not each makes such objects.
    owners_.add_own(owner, judge(kind, space, object, owner, true));
  }

  void unreadable(const Kind& kind, const codec::ListedObject& object, std::string_view why) {
    const auto at = space_of_.find(object.namespace_name);
    if (at != space_of_.end()) spaces_[at->second].incomplete = true;
    if (++unreadable_ > kMostUnreadable) return;
    missing_.push_back(fmt::format("{} {}{}{}: could not be read whole: {}", kind.kind,
                                   object.namespace_name, object.namespace_name.empty() ? "" : "/",
                                   object.name.empty() ? "(no name)" : object.name, why));
  }

  // --- judging

  /// `own`: the object is the owner, and not a pod of it.
  Judged judge(const Kind& kind, std::uint32_t space_index, const codec::ListedObject& object,
               const Owner& owner, bool own) {
    Judged judged;
    Space& space = spaces_[space_index];
    if (!space.skipped.empty()) return judged;
    Review review;
    review.facts.namespace_name = space.name;
    std::vector<Fault> faults = object.faults;
    review.pods = codec::decode_pods(
        object.json, "", places_in(kind.group, kind.kind, policy_.pod_places),
        is_own(kind.group, kind.kind) ? codec::Origin::ApiServer : codec::Origin::Manifest, faults);
    judged.pods = !review.pods.empty();
    if (!faults.empty())
      unreadable(
          kind, object,
          fmt::format("{} {}", verdict::field_of(faults.front().path), faults.front().message));
    policy::Exemptions of_pods;
    if (!policy_.exemptions.runtime_classes.empty()) {
      of_pods.runtime_classes = policy_.exemptions.runtime_classes;
      judged.exempt = !policy::exempt(review, of_pods).empty();
    }
    if (judged.exempt) return judged;
    if (purpose_ == Purpose::Advice)
      try_levels(space_index, review.pods, faults, judged);
    else
      find(space, object, review.pods, faults, owner, own, judged);
    return judged;
  }

  void find(const Space& space, const codec::ListedObject& object, std::span<const Pod> pods,
            std::span<const Fault> faults, const Owner& owner, bool own, Judged& judged) {
    // Where there is no room for more, only what is worse takes the place of the last.
    const std::size_t room = owners_.room_of(owner);
    const bool full = !own && owner.findings.size() >= room;

    std::optional<nlohmann::json> json;  // an object without violations need not be read again
    const auto document = [&]() -> const nlohmann::json& {
      if (!json) json = nlohmann::json::parse(simdjson::minify(object.json));
      return *json;
    };
    std::vector<const Edit*> all;
    std::vector<std::shared_ptr<const Edit>> held;
    std::set<std::tuple<const Check*, std::string, std::string>> said;
    for (std::uint32_t bound = 0; bound < space.bounds.size(); ++bound) {
      auto violations = violations_of(pods, faults, *bounds_[space.bounds[bound]].policy);
      if (violations.size() > room)
        std::ranges::stable_sort(violations, {}, [](const auto& v) { return v.check->severity; });
      for (const Violation& violation : violations) {
        if (space.bounds.size() > 1 &&
            !said.emplace(violation.check, violation.finding.path, violation.finding.message)
                 .second)
          continue;
        KeptFinding finding;
        finding.check = violation.check;
        finding.bound = bound;
        if (judged.findings.size() >= room ||
            (full && finding.worth() >= owner.findings.back().worth())) {
          ++judged.left_out;
          continue;
        }
        fill(finding, violation, object, pods);
        finding.patch = owners_.texts.id("[]");
        if (own && !violation.edits.empty()) {
          std::vector<const Edit*> edits;
          for (const auto& edit : violation.edits) {
            edits.push_back(edit.get());
            all.push_back(edit.get());
            held.push_back(edit);
          }
          finding.patch = owners_.texts.id(fix::to_json_patch(edits, document()).dump());
        }
        judged.findings.push_back(finding);
      }
    }
    if (!all.empty()) judged.patch = owners_.texts.id(fix::to_json_patch(all, document()).dump());
  }

  void fill(KeptFinding& finding, const Violation& violation, const codec::ListedObject& object,
            std::span<const Pod> pods) {
    const std::string& path = violation.finding.path;
    std::string place = codec::place_of(object.json, path);
    // As if it were a pod's.
    std::string spot = place;
    for (const Pod& pod : pods) {
      if (pod.path.empty() || !path.starts_with(pod.path + '/')) continue;
      const std::string base = codec::place_of(object.json, pod.path);
      spot = place.substr(std::min(base.size() + 1, place.size()));
      if (!pod.moved.empty()) spot = "spec." + spot;
      break;
    }
    Texts& texts = owners_.texts;
    finding.path = texts.id(path);
    finding.place = texts.id(place);
    finding.spot = texts.id(spot);
    finding.container = texts.id(container_of(pods, path));
    finding.message = texts.id(verdict::cut(violation.finding.message, verdict::kMostWords));
    finding.advice = texts.id(verdict::advice(violation));
  }

  void try_levels(std::uint32_t space, std::span<const Pod> pods, std::span<const Fault> faults,
                  Judged& judged) {
    for (std::size_t i = 0; i < levels_.size(); ++i)
      for (const Violation& violation : violations_of(pods, faults, *levels_[i]))
        judged.failed[i] |= bit_of(violation.check);
    for (const auto& enforced : spaces_[space].enforced)
      if (!violations_of(pods, faults, *enforced).empty()) judged.failed[levels_.size()] = 1;
  }

  std::uint64_t bit_of(const Check* check) {
    const auto at = std::ranges::find(checks_, check);
    const auto index = static_cast<unsigned>(at - checks_.begin());
    if (at == checks_.end()) checks_.push_back(check);
    return std::uint64_t{1} << std::min(index, 63U);
  }

  // --- what is given

  [[nodiscard]] std::string_view kind_of(const Owner& owner) const {
    return owners_.texts[owner.kind];
  }

  Resource resource_of(const Owner& owner) {
    const Texts& texts = owners_.texts;
    Resource resource;
    resource.api_version = texts[owner.api_version];
    resource.kind = texts[owner.kind];
    resource.namespace_name = spaces_[owner.space].name;
    resource.name = owner.name;
    resource.uid = owner.uid;
    if (owner.patch != 0) resource.patch = texts[owner.patch];
    resource.facts.push_back({"pods", std::uint64_t{owner.pods}});
    if (owner.controlled_by != 0)
      resource.facts.push_back({"controlledBy", std::string(texts[owner.controlled_by])});
    if (owner.left_out > 0)
      resource.facts.push_back({"findingsLeftOut", std::uint64_t{owner.left_out}});
    for (const KeptFinding& kept : owner.findings)
      resource.findings.push_back(finding_of(kept, owner, resource));
    std::ranges::stable_sort(resource.findings, [](const auto& a, const auto& b) {
      return std::tie(a.check->id, a.path, a.message) < std::tie(b.check->id, b.path, b.message);
    });
    if (!resource.findings.empty()) {
      resource.outcome = Outcome::Fail;
    } else if (is_exempt(owner)) {
      resource.outcome = Outcome::Skipped;
      resource.reason = "its runtime class is exempt by the configuration";
    } else if (!spaces_[owner.space].skipped.empty()) {
      resource.outcome = Outcome::Skipped;
      resource.reason = spaces_[owner.space].skipped;
    }
    return resource;
  }

  static bool is_exempt(const Owner& owner) {
    const bool pods = owner.exempt_pods == owner.pods;
    return owner.has_template ? owner.exempt && pods : owner.pods > 0 && pods;
  }

  ReportedFinding finding_of(const KeptFinding& kept, const Owner& owner,
                             const Resource& resource) const {
    const Texts& texts = owners_.texts;
    const Bound& bound = bounds_[spaces_[owner.space].bounds[kept.bound]];
    ReportedFinding finding;
    finding.check = kept.check;
    if (!bound.mode.empty()) finding.template_ref = bound.policy->ref();
    finding.mode = bound.mode;
    finding.container = texts[kept.container];
    finding.path = texts[kept.path];
    finding.field = verdict::field_of(finding.path);
    finding.place = texts[kept.place];
    finding.message = texts[kept.message];
    if (!kept.own) {
      finding.lasting = finding.message;
      if (owner.has_template) finding.lasting += " (not in the template)";
      finding.message += whose(kept, owner, texts);
    }
    finding.advice = texts[kept.advice];
    finding.patch = texts[kept.patch];
    finding.fingerprint = fingerprint_of(
        {"", resource.kind, resource.namespace_name, resource.name, kept.check->id, finding.place});
    return finding;
  }

  /// Which pods have what their owner's template has not.
  static std::string whose(const KeptFinding& kept, const Owner& owner, const Texts& texts) {
    const std::string_view apart = owner.has_template ? ", not in the template" : "";
    if (kept.pods == 0 && kept.via != 0) return fmt::format(" (in {}{})", texts[kept.via], apart);
    if (kept.pods < owner.pods)
      return fmt::format(" (in {}{} of {} pods{})", owner.left_out > 0 ? "at least " : "",
                         kept.pods, owner.pods, apart);
    if (!owner.has_template) return "";
    if (owner.pods == 1) return fmt::format(" (in its pod{})", apart);
    return fmt::format(" (in all {} pods{})", owner.pods, apart);
  }

  template <class Give>
  void give_skipped_namespaces(std::span<const Owner* const> owners, const Give& give) {
    auto at = owners.begin();
    for (const std::uint32_t index : in_order()) {
      while (at != owners.end() &&
             ((*at)->space == 0 || spaces_[(*at)->space].name < spaces_[index].name))
        ++at;
      std::uint64_t workloads = 0, pods = 0;
      for (; at != owners.end() && (*at)->space == index; ++at) {
        ++workloads;
        pods += (*at)->pods;
      }
      const Space& space = spaces_[index];
      if (space.skipped.empty()) continue;
      Resource resource;
      resource.api_version = "v1";
      resource.kind = "Namespace";
      resource.name = space.name;
      resource.outcome = Outcome::Skipped;
      resource.reason = space.skipped;
      resource.facts.push_back({"workloads", workloads});
      resource.facts.push_back({"pods", pods});
      give(resource, space);
    }
  }

  Advice advice_for(const Space& space, std::span<const Owner* const> owners) {
    Advice advice;
    advice.namespace_name = space.name;
    advice.system = std::ranges::find(kSystemNamespaces, space.name) != kSystemNamespaces.end();
    Failed failed{};
    for (const Owner* owner : owners) {
      advice.pods += owner->pods;
      if (is_exempt(*owner)) {
        ++advice.exempt;
        continue;
      }
      ++advice.workloads;
      for (std::size_t i = 0; i < failed.size(); ++i) failed[i] |= owner->failed[i];
      if (owner->failed[levels_.size()] != 0) ++advice.refused;
    }
    for (const auto& enforced : space.enforced)
      advice.enforced += (advice.enforced.empty() ? "" : ", ") + enforced->ref();
    if (!space.skipped.empty()) advice.unknown = space.skipped;
    if (space.incomplete) advice.unknown = "not everything in it could be read";
    if (!advice.unknown.empty()) return advice;
    std::size_t met = 0;  // an index of kLevels
    while (met < levels_.size() && failed[met] == 0) ++met;
    const auto meets =
        met == 0 ? policy_.library.find({std::string(kLevels[0]), std::nullopt}) : levels_[met - 1];
    advice.meets = meets->ref();
    if (met < levels_.size()) {
      advice.next = levels_[met]->ref();
      for (const Owner* owner : owners)
        if (!is_exempt(*owner) && owner->failed[met] != 0)
          advice.obstacles.push_back(obstacle_of(*owner, owner->failed[met]));
    }
    const bool held = std::ranges::any_of(space.enforced, [&](const auto& enforced) {
      return policy::at_least(*enforced, *meets, policy_.library);
    });
    // A command to be pasted holds nothing but a name.
    if (met == 0 || held || advice.system || !is_label(space.name)) return advice;
    if (!policy_.namespace_labels)
      advice.unlabelled = "the configuration reads no labels (namespaceLabels)";
    else if (space.labelled && !policy::at_least(*meets, *space.labelled, policy_.library))
      advice.unlabelled = fmt::format("{} asks for what {} does not: it would be lost",
                                      space.labelled->ref(), meets->ref());
    else
      advice.command = fmt::format(
          "kubectl label namespace {}{} plimsoll.dev/enforce={} plimsoll.dev/enforce-version=v1.{}",
          space.name,
          space.labels.contains("plimsoll.dev/enforce") ||
                  space.labels.contains("plimsoll.dev/enforce-version")
              ? " --overwrite"
              : "",
          meets->name, meets->version);
    return advice;
  }

  [[nodiscard]] Obstacle obstacle_of(const Owner& owner, std::uint64_t failed) const {
    Obstacle obstacle{std::string(kind_of(owner)), owner.name, {}};
    for (std::size_t i = 0; i < checks_.size(); ++i)
      if ((failed >> std::min<std::size_t>(i, 63) & 1U) != 0) obstacle.checks.push_back(checks_[i]);
    std::ranges::sort(obstacle.checks, {}, [](const Check* check) { return check->id; });
    return obstacle;
  }

  void note(const std::string& line) const {
    if (options_.note) options_.note(line);
  }

  const ScanOptions& options_;
  const policy::Policy& policy_;
  const Purpose purpose_;
  std::vector<std::string>& missing_;
  kube::CollectionReader reader_;
  codec::ObjectListReader list_;
  Owners owners_;
  std::vector<Bound> bounds_;
  std::vector<Space> spaces_;
  std::unordered_map<std::string, std::uint32_t> space_of_;
  std::array<std::shared_ptr<const Template>, std::size(kLevels) - 1> levels_;
  std::vector<const Check*> checks_;  // by their bits in Failed
  std::uint64_t read_ = 0;
  std::size_t unreadable_ = 0;
  std::set<std::string> strangers_;  // namespaces
  bool more_strangers_ = false;
  bool all_incomplete_ = false;  // something of each namespace could not be read
};

}  // namespace

Status scan_cluster(kube::Transport& transport, const ScanOptions& options,
                    const std::function<void(const Resource& resource, bool complete)>& each,
                    ReportTail& tail) {
  Scan scan(transport, options, Scan::Purpose::Report, tail.missing);
  if (auto error = scan.read()) return error;
  scan.report(each, tail.summary);
  return {};
}

Status advise_cluster(kube::Transport& transport, const ScanOptions& options,
                      const std::function<void(const Advice& advice)>& each,
                      std::vector<std::string>& missing) {
  Scan scan(transport, options, Scan::Purpose::Advice, missing);
  if (auto error = scan.read()) return error;
  scan.advise(each);
  return {};
}

}  // namespace plimsoll::app
