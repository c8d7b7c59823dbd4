// Templates as CEL, so that the API server itself can tell which pods are certainly within one.
//
// Ownership: none. Thread-safety: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/cel.h"
#include "plimsoll/result.h"
#include "plimsoll/template.h"
#include "plimsoll/verdict.h"

namespace plimsoll::cel {

/// What an expression is about. `Pods`: pods, pods/ephemeralcontainers and pods/resize.
/// `Workloads`: the kinds with a pod template, of which it finds out itself.
enum class Kind : std::uint8_t { Pods, Workloads };

inline constexpr Kind kKinds[] = {Kind::Pods, Kind::Workloads};

constexpr std::string_view name_of(Kind kind) { return kind == Kind::Pods ? "pods" : "workloads"; }

/// One check of a template in CEL.
struct Control {
  std::vector<const Check*> checks;  ///< more than one: they ask the same in CEL
  std::string expression;            ///< true of what certainly passes; never errs
};

/// Every check of a template, in its order. An error names those that have no CEL, or says that
/// the template asks nothing.
Result<std::vector<Control>> controls_of(const Template& policy, const CelNames& names);

/// Whether a pod is small enough for the other expressions to stay within what the API server
/// allows an expression to cost, 1,000,000. Larger ones are nobody's daily bread.
/// Source: k8s.io/apiserver pkg/apis/cel/config.go, PerCallLimit.
std::string small_enough(const CelNames& names);

/// The names with something before each, such as `variables.`.
CelNames names_with(std::string_view prefix, Kind kind);

/// What a name stands for: CEL over `pod`, an object with metadata and spec, and over the names
/// before it.
struct Variable {
  std::string_view name;
  std::string expression;
};
std::vector<Variable> variables_of(std::string_view prefix);

/// One of a webhook's matchConditions.
struct MatchCondition {
  std::string name, expression;
  bool operator==(const MatchCondition&) const = default;
};

/// What the names of these conditions begin with.
inline constexpr std::string_view kPrefix = "prefilter.plimsoll.dev/";

/// `prefilter.plimsoll.dev/restricted.v1.37`
std::string condition_name(const Template& policy);

/// The template that a condition of that name is made of; empty: it is none of ours.
std::optional<TemplateRef> template_of(std::string_view condition_name);

/// True of what must be sent to Plimsoll: of what is not certainly within the template. It is one
/// condition, because a webhook is left out when any of its conditions is false. Errors: see
/// controls_of.
Result<MatchCondition> match_condition(const Template& policy, Kind kind);

/// The conditions of both kinds, as YAML: `pods` and `workloads` are lists of matchConditions.
Result<std::string> match_conditions_yaml(const Template& policy);

/// ValidatingAdmissionPolicies with their bindings, for those who want no webhook: of pods in the
/// namespaces that ask for the template, and of workloads, about which an enforced template warns.
/// `newest`: the template is its newest version, which a label without a version means.
Result<std::string> validating_admission_policy_yaml(const Template& policy, Mode mode,
                                                     bool newest);

}  // namespace plimsoll::cel
