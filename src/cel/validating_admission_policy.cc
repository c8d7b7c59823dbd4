#include <fmt/format.h>

#include <algorithm>

#include "cel/cel.h"
#include "cel/lines.h"

namespace plimsoll::cel {
namespace {

/// What of a kind a policy is about.
struct Subject {
  std::string_view rules;       ///< resourceRules
  std::string_view conditions;  ///< matchConditions
  std::string_view pod;         ///< the object with metadata and spec of a pod
};

// The same conditions as the chart's registration has.
constexpr Subject kPods{
    R"(    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [pods, pods/ephemeralcontainers, pods/resize]
)",
    R"(  # A kubelet's mirror of a static pod: refusing it would hide the pod, not stop it.
  - name: no-mirror-pods
    expression: >-
      !(has(request.userInfo.groups) && "system:nodes" in request.userInfo.groups &&
      has(object.metadata.annotations) && "kubernetes.io/config.mirror" in object.metadata.annotations)
  # Only its containers can get a pod more privileges.
  - name: changed
    expression: >-
      request.operation != "UPDATE" || object.spec.containers != oldObject.spec.containers ||
      (has(object.spec.initContainers) ? object.spec.initContainers : []) !=
      (has(oldObject.spec.initContainers) ? oldObject.spec.initContainers : []) ||
      (has(object.spec.ephemeralContainers) ? object.spec.ephemeralContainers : []) !=
      (has(oldObject.spec.ephemeralContainers) ? oldObject.spec.ephemeralContainers : [])
)",
    "object"};

constexpr Subject kWorkloads{
    R"(    - apiGroups: [""]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [podtemplates, replicationcontrollers]
    - apiGroups: [apps]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [daemonsets, deployments, replicasets, statefulsets]
    - apiGroups: [batch]
      apiVersions: [v1]
      operations: [CREATE, UPDATE]
      resources: [cronjobs, jobs]
)",
    R"(  # A PodTemplate has no spec.
  - name: changed
    expression: >-
      request.operation != "UPDATE" || !has(object.spec) || !has(oldObject.spec) || object.spec != oldObject.spec
  # A ReplicationController may have no template.
  - name: has-a-template
    expression: >-
      request.kind.kind == "PodTemplate" || has(object.spec) && (request.kind.kind == "CronJob" || has(object.spec.template))
)",
    R"(request.kind.kind == "PodTemplate" ? object.template :
request.kind.kind == "CronJob" ? object.spec.jobTemplate.spec.template : object.spec.template)"};

constexpr std::string_view kTooLarge =
    "The pod has more containers, volumes, ports, mounts, capabilities or annotations than can be "
    "looked at here";

// `drop-all` -> `drop_all`: CEL's names have no dashes.
std::string identifier(const Check& check) {
  std::string name(check.id);
  std::ranges::replace(name, '-', '_');
  return name;
}

void append_variable(std::string& out, std::string_view name, std::string_view expression) {
  out += fmt::format("  - name: {}\n    expression: |\n", name);
  append_indented(out, expression, 6);
}

// Thread of one control: its checks in one line.
std::string ids_of(const Control& control) {
  std::string ids;
  for (const Check* check : control.checks)
    ids += fmt::format("{}{}", ids.empty() ? "" : ", ", check->id);
  return ids;
}

std::string action_of(Mode mode, Kind kind) {
  if (mode == Mode::Audit) return "Audit";
  return mode == Mode::Enforce && kind == Kind::Pods ? "Deny" : "Warn";
}

Status append_policy(std::string& out, const Template& policy, Mode mode, Kind kind, bool newest) {
  const CelNames names = names_with("variables.", kind);
  const auto controls = controls_of(policy, names);
  if (!controls) return controls.error();
  const Subject& subject = kind == Kind::Pods ? kPods : kWorkloads;
  const std::string action = action_of(mode, kind);
  // The modes stand beside each other in one cluster.
  const std::string name = fmt::format(
      "plimsoll-{}{}{}-{}", policy.name, newest ? "" : fmt::format("-v1-{}", policy.version),
      mode == Mode::Enforce ? "" : fmt::format("-{}", plimsoll::name_of(mode)), name_of(kind));
  out += fmt::format(
      R"(---
# {} of namespaces with the label plimsoll.dev/{}: {}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {}
  labels:
    app.kubernetes.io/name: plimsoll
  annotations:
    plimsoll.dev/template: {}
spec:
  failurePolicy: {}
  matchConstraints:
    resourceRules:
{}  matchConditions:
{}  variables:
)",
      kind == Kind::Pods ? "Pods" : "Workloads", plimsoll::name_of(mode), policy.name, name,
      policy.ref(), action == "Deny" ? "Fail" : "Ignore", subject.rules, subject.conditions);
  append_variable(out, "pod", subject.pod);
  for (const Variable& variable : variables_of("variables."))
    append_variable(out, variable.name, variable.expression);
  append_variable(out, "small_enough", small_enough(names));
  for (const Control& control : *controls)
    append_variable(out, identifier(*control.checks.front()), control.expression);

  out += "  validations:\n";
  const auto validation = [&](std::string_view variable, const std::string& message) {
    out += fmt::format("  - expression: variables.{}\n    message: {}\n    reason: Forbidden\n",
                       variable, cel_text(message));
  };
  validation("small_enough", fmt::format("{}: {} [small-enough]", policy.ref(), kTooLarge));
  for (const Control& control : *controls)
    validation(identifier(*control.checks.front()),
               fmt::format("{}: fails \"{}\" [{}]: {}", policy.ref(), control.checks.front()->title,
                           ids_of(control), control.checks.front()->remedy));

  std::string failing;
  for (const Control& control : *controls)
    failing += fmt::format("variables.{} ? \"\" : \"{}\",\n", identifier(*control.checks.front()),
                           ids_of(control));
  out += "  auditAnnotations:\n  - key: violations\n    valueExpression: |\n";
  append_indented(
      out,
      fmt::format("[variables.small_enough ? \"\" : \"small-enough\",\n{}].filter(id, id "
                  "!= \"\").join(\", \")",
                  failing.substr(0, failing.size() - 2)),
      6);

  std::string version =
      fmt::format("      - {{key: plimsoll.dev/{}-version, operator: ", plimsoll::name_of(mode));
  if (newest) {
    version += "NotIn, values: [";
    for (MinorVersion minor = 0; minor < policy.version; ++minor)
      version += fmt::format("{}v1.{}", minor > 0 ? ", " : "", minor);
    version += "]}\n";
    if (policy.version == 0) version.clear();
  } else {
    version += fmt::format("In, values: [v1.{}]}}\n", policy.version);
  }
  out += fmt::format(
      R"(---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {0}
  labels:
    app.kubernetes.io/name: plimsoll
spec:
  policyName: {0}
  validationActions: [{1}]
  matchResources:
    namespaceSelector:
      matchExpressions:
      - {{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, kube-node-lease]}}
      - {{key: plimsoll.dev/{2}, operator: In, values: [{3}]}}
{4})",
      name, action, plimsoll::name_of(mode), policy.name, version);
  return {};
}

}  // namespace

Result<std::string> validating_admission_policy_yaml(const Template& policy, Mode mode,
                                                     bool newest) {
  std::string out =
      fmt::format("# {} without a webhook. Written by: plimsoll templates export {} --as "
                  "validating-admission-policy --mode {}\n",
                  policy.ref(), policy.ref(), plimsoll::name_of(mode));
  for (const Kind kind : kKinds)
    if (auto error = append_policy(out, policy, mode, kind, newest)) return *std::move(error);
  return out;
}

}  // namespace plimsoll::cel
