// Registrations with a prefilter, as they should be; tests change them.
//
// Thread-safety: pure.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/templates_of.h"
#include "cel/cel.h"

namespace plimsoll::app::testing {

using nlohmann::json;

inline const templates::Library& builtin_library() {
  static const auto kLibrary = load_library({});
  return *kLibrary;
}

inline json requirement(const std::string& key, const std::string& op,
                        const std::vector<std::string>& values = {}) {
  json out{{"key", key}, {"operator", op}};
  if (!values.empty()) out["values"] = values;
  return out;
}

inline json rule(const std::string& group, const std::vector<std::string>& resources) {
  return json{{"apiGroups", {group}},
              {"apiVersions", {"v1"}},
              {"operations", {"CREATE", "UPDATE"}},
              {"resources", resources},
              {"scope", "Namespaced"}};
}

inline json rules_of(cel::Kind kind) {
  if (kind == cel::Kind::Pods)
    return json::array({rule("", {"pods", "pods/ephemeralcontainers", "pods/resize"})});
  return json::array({rule("", {"podtemplates", "replicationcontrollers"}),
                      rule("apps", {"daemonsets", "deployments", "replicasets", "statefulsets"}),
                      rule("batch", {"cronjobs", "jobs"})});
}

inline json condition_of(const TemplateRef& ref, cel::Kind kind) {
  const auto condition = cel::match_condition(*builtin_library().find(ref), kind);
  return json{{"name", condition->name}, {"expression", condition->expression}};
}

inline json entry(const std::string& name, const std::string& path, cel::Kind kind,
                  json requirements, json conditions) {
  // Those of the chart's own stay in front.
  conditions.insert(conditions.begin(), json{{"name", "changed"}, {"expression", "true"}});
  return json{{"name", name},
              {"clientConfig",
               {{"caBundle", "Q0E="},
                {"service", {{"name", "plimsoll"}, {"namespace", "plimsoll"}, {"path", path}}}}},
              {"failurePolicy", "Fail"},
              {"namespaceSelector", {{"matchExpressions", std::move(requirements)}}},
              {"rules", rules_of(kind)},
              {"matchConditions", std::move(conditions)}};
}

/// The versions before the newest, v1.37.
inline std::vector<std::string> older() {
  std::vector<std::string> all;
  for (int i = 0; i < builtin_library().find({"restricted", {}})->version; ++i)
    all.push_back("v1." + std::to_string(i));
  return all;
}

/// The entry of a template that a label names, with its prefilter.
inline json labelled(const std::string& mode, const std::string& policy, cel::Kind kind,
                     const std::string& family = "plimsoll.dev/") {
  return entry(fmt::format("{}.{}.{}.plimsoll.dev", mode, policy, cel::name_of(kind)),
               "/validate/" + mode, kind,
               json::array({requirement(family + mode, "In", {policy}),
                            requirement(family + mode + "-version", "NotIn", older())}),
               json::array({condition_of({policy, {}}, kind)}));
}

inline json registration(json entries) {
  return json{{"apiVersion", "admissionregistration.k8s.io/v1"},
              {"kind", "ValidatingWebhookConfiguration"},
              {"metadata", {{"name", "plimsoll"}}},
              {"webhooks", std::move(entries)}};
}

/// Pods and workloads of restricted, what it leaves, and namespaces.
inline json sound() {
  json entries = json::array(
      {labelled("enforce", "restricted", cel::Kind::Pods),
       labelled("enforce", "restricted", cel::Kind::Workloads),
       entry("enforce.general.pods.plimsoll.dev", "/validate/enforce", cel::Kind::Pods,
             json::array({requirement("plimsoll.dev/enforce", "Exists"),
                          requirement("plimsoll.dev/enforce", "NotIn", {"restricted"})}),
             json::array()),
       entry("namespaces.plimsoll.dev", "/validate", cel::Kind::Pods, json::array(),
             json::array())});
  entries.back()["rules"] = json::array({rule("", {"namespaces"})});
  return registration(std::move(entries));
}

}  // namespace plimsoll::app::testing
