#include <algorithm>
#include <array>

#include "plimsoll/review.h"

namespace plimsoll {
namespace {

struct Workload {
  std::string_view group, resource, kind, template_path;
};

// Source: pod-security-admission admission/admission.go, defaultPodSpecResources, ExtractPodSpec.
constexpr std::array<Workload, 8> kWorkloads = {{
    {"", "replicationcontrollers", "ReplicationController", "/spec/template"},
    {"", "podtemplates", "PodTemplate", "/template"},
    {"apps", "replicasets", "ReplicaSet", "/spec/template"},
    {"apps", "deployments", "Deployment", "/spec/template"},
    {"apps", "statefulsets", "StatefulSet", "/spec/template"},
    {"apps", "daemonsets", "DaemonSet", "/spec/template"},
    {"batch", "jobs", "Job", "/spec/template"},
    {"batch", "cronjobs", "CronJob", "/spec/jobTemplate/spec/template"},
}};

// Source: the same file, ignoredPodSubresources. Any other one may change the spec.
constexpr std::array<std::string_view, 8> kIgnoredPodSubresources = {
    "attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"};

}  // namespace

Scope scope_of(const RequestFacts& facts) {
  if (facts.operation == Operation::Delete || facts.operation == Operation::Connect)
    return Scope::NotOurs;
  if (facts.group.empty() && facts.resource == "pods")
    return std::ranges::find(kIgnoredPodSubresources, facts.subresource) ==
                   kIgnoredPodSubresources.end()
               ? Scope::Pod
               : Scope::NotOurs;
  // Labels can be written through each of its subresources.
  if (facts.group.empty() && facts.resource == "namespaces") return Scope::Namespace;
  const bool workload = std::ranges::any_of(kWorkloads, [&](const Workload& w) {
    return w.group == facts.group && w.resource == facts.resource;
  });
  return workload && facts.subresource.empty() ? Scope::Workload : Scope::NotOurs;
}

JudgedKind judged_kind(const RequestFacts& facts) {
  const auto* const at = std::ranges::find_if(kWorkloads, [&](const Workload& w) {
    return w.group == facts.group && w.resource == facts.resource;
  });
  return at == kWorkloads.end() ? JudgedKind{"Pod", ""} : JudgedKind{at->kind, at->template_path};
}

std::optional<std::string_view> template_path(std::string_view group, std::string_view kind) {
  if (group.empty() && kind == "Pod") return "";
  const auto* const at = std::ranges::find_if(
      kWorkloads, [&](const Workload& w) { return w.group == group && w.kind == kind; });
  if (at == kWorkloads.end()) return std::nullopt;
  return at->template_path;
}

}  // namespace plimsoll
