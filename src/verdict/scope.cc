#include <algorithm>
#include <array>
#include <string_view>

#include "plimsoll/review.h"

namespace plimsoll {
namespace {

constexpr std::string_view kPod = "Pod";

struct Workload {
  std::string_view group, resource, kind;
  PodPlace place;
};

// Source: pod-security-admission admission/admission.go, defaultPodSpecResources, ExtractPodSpec.
const std::array<Workload, 8>& workloads() {
  static const std::array<Workload, 8> kWorkloads = {{
      {"", "replicationcontrollers", "ReplicationController", {"/spec/template"}},
      {"", "podtemplates", "PodTemplate", {"/template"}},
      {"apps", "replicasets", "ReplicaSet", {"/spec/template"}},
      {"apps", "deployments", "Deployment", {"/spec/template"}},
      {"apps", "statefulsets", "StatefulSet", {"/spec/template"}},
      {"apps", "daemonsets", "DaemonSet", {"/spec/template"}},
      {"batch", "jobs", "Job", {"/spec/template"}},
      {"batch", "cronjobs", "CronJob", {"/spec/jobTemplate/spec/template"}},
  }};
  return kWorkloads;
}

std::span<const PodPlace> pod_itself() {
  static const PodPlace kItself{"", PodShape::Pod};
  return {&kItself, 1};
}

const Workload* workload_of(const RequestFacts& facts) {
  const auto* const at = std::ranges::find_if(workloads(), [&](const Workload& w) {
    return w.group == facts.group && w.resource == facts.resource;
  });
  return at == workloads().end() ? nullptr : at;
}

// Source: the same file, ignoredPodSubresources. Any other one may change the spec.
constexpr std::array<std::string_view, 8> kIgnoredPodSubresources = {
    "attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"};

}  // namespace

Scope scope_of(const RequestFacts& facts, const PodPlaces& custom) {
  if (facts.operation == Operation::Delete || facts.operation == Operation::Connect)
    return Scope::NotOurs;
  if (facts.group.empty() && facts.resource == "pods")
    return std::ranges::find(kIgnoredPodSubresources, facts.subresource) ==
                   kIgnoredPodSubresources.end()
               ? Scope::Pod
               : Scope::NotOurs;
  // Labels can be written through each of its subresources.
  if (facts.group.empty() && facts.resource == "namespaces") return Scope::Namespace;
  if (!facts.subresource.empty()) return Scope::NotOurs;
  return workload_of(facts) != nullptr || !custom.find(facts.group, facts.kind).empty()
             ? Scope::Workload
             : Scope::NotOurs;
}

JudgedKind judged_kind(const RequestFacts& facts, const PodPlaces& custom) {
  if (const Workload* const workload = workload_of(facts))
    return {workload->kind, {&workload->place, 1}};
  if (const auto places = custom.find(facts.group, facts.kind); !places.empty())
    return {facts.kind, places, false};
  return {kPod, pod_itself()};
}

std::span<const PodPlace> places_in(std::string_view group, std::string_view kind,
                                    const PodPlaces& custom) {
  if (group.empty() && kind == kPod) return pod_itself();
  const auto* const at = std::ranges::find_if(
      workloads(), [&](const Workload& w) { return w.group == group && w.kind == kind; });
  if (at != workloads().end()) return {&at->place, 1};
  return custom.find(group, kind);
}

}  // namespace plimsoll
