#include "app/prefilter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "cel/cel.h"
#include "policy/labels.h"

namespace plimsoll::app {
namespace {

constexpr std::array kFamilies = {policy::kPlimsollLabels, policy::kPodSecurityLabels};
constexpr std::array kModes = {Mode::Enforce, Mode::Warn, Mode::Audit};
constexpr std::string_view kRoute = "/validate";

// --- what an entry is about ----------------------------------------------------------------------

struct Resource {
  std::string_view group, name;
  cel::Kind kind;
};
constexpr Resource kResources[] = {{"", "pods", cel::Kind::Pods},
                                   {"", "pods/ephemeralcontainers", cel::Kind::Pods},
                                   {"", "pods/resize", cel::Kind::Pods},
                                   {"", "podtemplates", cel::Kind::Workloads},
                                   {"", "replicationcontrollers", cel::Kind::Workloads},
                                   {"apps", "daemonsets", cel::Kind::Workloads},
                                   {"apps", "deployments", cel::Kind::Workloads},
                                   {"apps", "replicasets", cel::Kind::Workloads},
                                   {"apps", "statefulsets", cel::Kind::Workloads},
                                   {"batch", "cronjobs", cel::Kind::Workloads},
                                   {"batch", "jobs", cel::Kind::Workloads}};

/// What the rules of an entry cover.
struct Coverage {
  bool pods = false, workloads = false;
  std::vector<std::string> others;      ///< resources, as `apps/scales`
  std::vector<std::string> operations;  ///< other than CREATE and UPDATE
};

void add_once(std::vector<std::string>& all, std::string text) {
  if (std::ranges::find(all, text) == all.end()) all.push_back(std::move(text));
}

Coverage coverage_of(const RegisteredEntry& entry) {
  Coverage coverage;
  for (const auto& rule : entry.rules) {
    for (const std::string& group : rule.groups)
      for (const std::string& name : rule.resources) {
        const auto* const known = std::ranges::find_if(kResources, [&](const Resource& resource) {
          return resource.group == group && resource.name == name;
        });
        if (known == std::end(kResources))
          add_once(coverage.others, group.empty() ? name : group + "/" + name);
        else
          (known->kind == cel::Kind::Pods ? coverage.pods : coverage.workloads) = true;
      }
    for (const std::string& operation : rule.operations)
      if (operation != "CREATE" && operation != "UPDATE") add_once(coverage.operations, operation);
  }
  return coverage;
}

/// Where an entry leads: `/validate`, `/validate/MODE`, `/validate/MODE/TEMPLATE[/VERSION]`.
struct Route {
  bool known = false;
  std::string path;
  std::optional<Mode> mode;        ///< none: every mode
  std::optional<TemplateRef> ref;  ///< none: bindings and labels decide
};

Route route_of(const RegisteredEntry& entry) {
  Route route;
  route.path = entry.path.substr(0, entry.path.find('?'));
  // A proxy in front of the server may have a prefix of its own.
  const auto at = route.path.find(kRoute);
  if (at == std::string::npos) return route;
  std::string_view rest = std::string_view(route.path).substr(at + kRoute.size());
  route.known = rest.empty();
  if (rest.empty() || rest.front() != '/') return route;
  rest.remove_prefix(1);
  const auto slash = rest.find('/');
  route.mode = parse_mode(rest.substr(0, slash));
  route.known = route.mode.has_value();
  if (slash == std::string_view::npos) return route;
  std::string text(rest.substr(slash + 1));
  if (const auto version = text.find('/'); version != std::string::npos) text[version] = '@';
  route.ref = TemplateRef::parse(text);
  route.known = route.known && route.ref.has_value();
  return route;
}

std::string label_of(std::string_view family, Mode mode) {
  return std::string(family) + std::string(name_of(mode));
}

/// Whether the labels of Pod Security Admission can name the template.
bool is_of_pod_security(std::string_view name) {
  return name == "baseline" || name == "restricted" || name == "privileged";
}

/// The values that the selector leaves to a label; none: it may have any.
std::optional<std::vector<std::string>> values_of(const Selector& selector,
                                                  const std::string& label) {
  for (const auto& requirement : selector.requirements)
    if (requirement.key == label && requirement.op == Selector::Operator::In)
      return requirement.values;
  return std::nullopt;
}

/// Whether the selector lets through some namespace with that label.
bool lets_through(const Selector& selector, const std::string& label, const std::string& value) {
  return std::ranges::all_of(selector.requirements, [&](const Selector::Requirement& requirement) {
    return requirement.key != label || Selector{{requirement}}.matches({{label, value}});
  });
}

bool requires_with(const Selector& selector, const std::string& label, Selector::Operator op) {
  return std::ranges::any_of(selector.requirements, [&](const Selector::Requirement& requirement) {
    return requirement.key == label && requirement.op == op;
  });
}

/// `a, b and 3 more`
std::string some_of(const std::vector<std::string>& all) {
  constexpr std::size_t kMost = 3;
  const auto shown = all.size() > kMost + 1 ? kMost : all.size();
  std::string text = fmt::format(
      "{}", fmt::join(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < all.size()) text += fmt::format(" and {} more", all.size() - shown);
  return text;
}

std::string_view without_trailing_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

/// The first line, from 1, in which the texts differ.
std::size_t first_difference(std::string_view a, std::string_view b) {
  const auto at = std::ranges::mismatch(a, b).in1;
  return 1 + static_cast<std::size_t>(std::count(a.begin(), at, '\n'));
}

// --- the comparison ------------------------------------------------------------------------------

class Comparer {
 public:
  Comparer(const templates::Library& library, Bindings bindings)
      : library_(library), bindings_(bindings) {}

  void look_at(const RegisteredEntry& entry);
  Comparison take() { return std::move(out_); }

 private:
  using Policy = std::shared_ptr<const Template>;

  void add(std::string what, std::string remedy) {
    out_.differences.push_back({entry_->name, std::move(what), std::move(remedy)});
  }
  static std::string write_anew(const std::string& name) {
    return fmt::format("`helm upgrade` with the chart of this version, or put in what `plimsoll "
                       "templates export {} --as match-conditions` writes",
                       name);
  }

  void look_at_condition(const cel::MatchCondition& condition, const Coverage& coverage);
  void compare_text(const cel::MatchCondition& condition, const Template& newest, cel::Kind kind);
  void look_at_place(const Template& newest);
  void look_at_label(const Template& newest, const Route& route);
  void look_at_versions(const Template& newest, const std::string& label);
  void look_for_twin(const Coverage& coverage);
  [[nodiscard]] std::string why_unfiltered(const RegisteredEntry& entry) const;
  [[nodiscard]] std::string why_template_is_not(const TemplateRef& ref) const;

  /// As cel::match_condition, which takes a while: there are many entries of the same template.
  const Result<cel::MatchCondition>& written(const Template& policy, cel::Kind kind) {
    const auto key = std::pair(policy.name, kind);
    auto at = written_.find(key);
    if (at == written_.end()) at = written_.emplace(key, cel::match_condition(policy, kind)).first;
    return at->second;
  }

  const templates::Library& library_;
  const Bindings bindings_;
  const RegisteredEntry* entry_ = nullptr;  ///< the one that is looked at
  std::vector<std::pair<const RegisteredEntry*, cel::Kind>> seen_;
  std::map<std::pair<std::string, cel::Kind>, Result<cel::MatchCondition>> written_;
  Comparison out_;
};

void Comparer::look_at(const RegisteredEntry& entry) {
  entry_ = &entry;
  const Coverage coverage = coverage_of(entry);
  std::vector<const cel::MatchCondition*> ours;
  for (const auto& condition : entry.conditions)
    if (condition.name.starts_with(cel::kPrefix)) ours.push_back(&condition);
  if (ours.empty()) {
    if (!coverage.pods && !coverage.workloads) return;
    ++out_.entries;
    out_.unfiltered.push_back({entry.name, why_unfiltered(entry)});
    return;
  }
  ++out_.entries;
  ++out_.prefiltered;
  if (ours.size() > 1)
    add(fmt::format("has {} conditions of a prefilter: what is within one of them is not sent, "
                    "whatever the others say",
                    ours.size()),
        "keep the one of the template that it is about");
  if (!coverage.others.empty() || coverage.pods == coverage.workloads) {
    std::vector<std::string> covered;
    if (coverage.pods && coverage.workloads) covered = {"pods and workloads together"};
    covered.insert(covered.end(), coverage.others.begin(), coverage.others.end());
    add(fmt::format("has rules for {}, of which its prefilter says nothing",
                    covered.empty() ? "nothing" : some_of(covered)),
        "give it rules for pods and their subresources alone, or for workloads alone");
  }
  if (!coverage.operations.empty())
    add(fmt::format("has rules for {}, of which its prefilter says nothing",
                    some_of(coverage.operations)),
        "keep CREATE and UPDATE");
  for (const auto* condition : ours) look_at_condition(*condition, coverage);
  look_for_twin(coverage);
}

void Comparer::look_at_condition(const cel::MatchCondition& condition, const Coverage& coverage) {
  const auto ref = cel::template_of(condition.name);
  if (!ref || !ref->version)
    return add(fmt::format("condition {} names no template and version", condition.name),
               "take it out: it is none of Plimsoll's");
  const Policy newest = library_.find({ref->name, {}});
  if (!newest)
    return add(fmt::format("condition {} is of a template that is not known here", condition.name),
               fmt::format("give the file of template {}, or take the condition out", ref->name));
  look_at_place(*newest);
  if (*ref->version != newest->version) {
    const bool older = *ref->version < newest->version;
    return add(
        fmt::format("condition {} is of v1.{}, and the newest {} here is v1.{}: an upgrade half "
                    "done",
                    condition.name, *ref->version, ref->name, newest->version),
        older ? write_anew(ref->name)
              : "bring the servers to the version of the registration, or `helm rollback`");
  }
  if (coverage.pods != coverage.workloads)
    compare_text(condition, *newest, coverage.pods ? cel::Kind::Pods : cel::Kind::Workloads);
}

void Comparer::compare_text(const cel::MatchCondition& condition, const Template& newest,
                            cel::Kind kind) {
  const auto& own = written(newest, kind);
  if (!own)
    return add(fmt::format("condition {} is of a template without prefilter: {}", condition.name,
                           own.error().message),
               "take the condition out");
  const auto registered = without_trailing_space(condition.expression);
  const auto expected = without_trailing_space(own->expression);
  if (registered == expected) return;
  add(fmt::format("condition {} is not what this binary writes for {}, from its line {} on",
                  condition.name, cel::name_of(kind), first_difference(registered, expected)),
      write_anew(newest.name));
}

// Of what the entry is asked must be judged by the newest version of this template, and by nothing
// else.
void Comparer::look_at_place(const Template& newest) {
  const Route route = route_of(*entry_);
  if (!route.known)
    return add(fmt::format("leads to \"{}\", which is no route of the server", route.path),
               "use /validate/MODE or /validate/MODE/TEMPLATE");
  if (!route.mode)
    return add(fmt::format("leads to {}, which answers for every mode, and is not asked about "
                           "what is within {}",
                           route.path, newest.name),
               "use /validate/enforce, /validate/warn or /validate/audit");
  if (!route.ref) return look_at_label(newest, route);
  if (route.ref->name != newest.name)
    return add(fmt::format("leads to {}, but its prefilter is of {}", route.path, newest.name),
               fmt::format("give it that of {}, or none", route.ref->name));
  if (route.ref->version && *route.ref->version < newest.version)
    add(fmt::format("leads to {}, pinned to v1.{}, but its prefilter is of v1.{}", route.path,
                    *route.ref->version, newest.version),
        "take the condition out: a pinned version has no prefilter");
}

void Comparer::look_at_label(const Template& newest, const Route& route) {
  std::string other_mode;
  for (const std::string_view family : kFamilies) {
    const std::string label = label_of(family, *route.mode);
    if (const auto values = values_of(entry_->selector, label)) {
      if (family == policy::kPodSecurityLabels && !is_of_pod_security(newest.name))
        return add(fmt::format("has the prefilter of {}, which {} cannot name: it is read as "
                               "restricted",
                               newest.name, label),
                   "take the entry out");
      if (std::ranges::all_of(*values, [&](const auto& name) { return name == newest.name; }))
        return look_at_versions(newest, label);
      return add(fmt::format("is for namespaces whose {} is {}, but its prefilter is of {}", label,
                             some_of(*values), newest.name),
                 "give each template an entry of its own");
    }
    if (requires_with(entry_->selector, label, Selector::Operator::Exists))
      return add(fmt::format("is for namespaces with any {}, but its prefilter is of {}", label,
                             newest.name),
                 fmt::format("select `{} In [{}]`", label, newest.name));
    for (const Mode mode : kModes)
      if (mode != *route.mode && values_of(entry_->selector, label_of(family, mode)))
        other_mode = label_of(family, mode);
  }
  if (!other_mode.empty())
    return add(fmt::format("selects by {}, but leads to {}, which follows another label",
                           other_mode, route.path),
               "let the path and the label be of one mode");
  // No label: a binding of the configuration, which only the server knows.
  if (bindings_ == nullptr) return;
  const bool bound = std::ranges::any_of(*bindings_, [&](const Binding& binding) {
    return binding.mode == *route.mode && binding.policy && binding.policy->name == newest.name &&
           binding.policy->version == newest.version;
  });
  if (!bound)
    add(fmt::format("has the prefilter of {}, but no binding of this server is {} {} at its newest "
                    "version",
                    newest.name, name_of(*route.mode), newest.name),
        "`helm upgrade`, so that configuration and registration are of one release");
}

void Comparer::look_at_versions(const Template& newest, const std::string& label) {
  std::vector<std::string> missing;
  for (MinorVersion version = 0; version < newest.version; ++version)
    if (std::string text = fmt::format("v1.{}", version);
        lets_through(entry_->selector, label + "-version", text))
      missing.push_back(std::move(text));
  if (missing.empty()) return;
  const bool all = missing.size() == static_cast<std::size_t>(newest.version);
  add(fmt::format("is also for namespaces whose {}-version is {}, but its prefilter is of v1.{}",
                  label, all ? "any" : some_of(missing), newest.version),
      fmt::format("leave them out with `{}-version NotIn`, or `helm upgrade`", label));
}

void Comparer::look_for_twin(const Coverage& coverage) {
  if (coverage.pods == coverage.workloads) return;
  const auto kind = coverage.pods ? cel::Kind::Pods : cel::Kind::Workloads;
  for (const auto& [other, of] : seen_)
    if (of == kind && other->path == entry_->path && other->selector == entry_->selector)
      add(fmt::format("asks the same as {}, so that everything is judged twice", other->name),
          "keep one of them");
  seen_.emplace_back(entry_, kind);
}

std::string Comparer::why_template_is_not(const TemplateRef& ref) const {
  const Policy newest = library_.find({ref.name, {}});
  if (!newest) return fmt::format("template {} is not known here", ref.name);
  if (ref.version && *ref.version < newest->version)
    return fmt::format("{} pinned to v1.{}", ref.name, *ref.version);
  for (const cel::Kind kind : cel::kKinds)
    if (const auto condition = cel::match_condition(*newest, kind); !condition)
      return condition.error().message;
  return "";
}

std::string Comparer::why_unfiltered(const RegisteredEntry& entry) const {
  const std::string_view none = "has no condition of a prefilter";
  const Route route = route_of(entry);
  if (!route.known || !route.mode) return std::string(none);
  if (route.ref) {
    const std::string why = why_template_is_not(*route.ref);
    return why.empty() ? std::string(none) : why;
  }
  using enum Selector::Operator;
  for (const std::string_view family : kFamilies) {
    const std::string label = label_of(family, *route.mode);
    if (requires_with(entry.selector, label + "-version", In)) return "versions that labels pin";
    if (requires_with(entry.selector, label + "-version", Exists))
      return "warnings that `enforce` implies, at a version of their own";
    if (const auto values = values_of(entry.selector, label); values && values->size() == 1) {
      const std::string why = why_template_is_not({values->front(), {}});
      return why.empty() ? std::string(none) : why;
    }
    if (requires_with(entry.selector, label, Exists))
      return "templates of labels that have no entry of their own";
  }
  return std::string(none);
}

}  // namespace

Comparison compare_prefilter(const WebhookRegistration& registration,
                             const templates::Library& library, Bindings bindings) {
  Comparer comparer(library, bindings);
  for (const RegisteredEntry& entry : registration.entries) comparer.look_at(entry);
  return comparer.take();
}

}  // namespace plimsoll::app
