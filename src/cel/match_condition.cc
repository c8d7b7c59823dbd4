#include <fmt/format.h>

#include <algorithm>

#include "cel/cel.h"
#include "cel/lines.h"

namespace plimsoll::cel {
namespace {

// The name of a condition is a qualified name, of which the part after the slash is no longer.
// Source: kubernetes staging/src/k8s.io/apimachinery/pkg/api/validate/content/kube.go.
constexpr std::size_t kMostName = 63;

// The pod, or the pod template: a list of at most one. A ReplicationController may have none, and a
// PodTemplate has no spec.
constexpr std::string_view kPods = "[object]";
constexpr std::string_view kTemplates =
    R"((request.kind.kind == "PodTemplate" ? [object.template] :
request.kind.kind == "CronJob" ? [object.spec.jobTemplate.spec.template] :
has(object.spec) && has(object.spec.template) ? [object.spec.template] : []))";

void append_condition(std::string& out, const MatchCondition& condition) {
  out += fmt::format("- name: {}\n  expression: |\n", condition.name);
  append_indented(out, condition.expression, 4);
}

}  // namespace

std::string condition_name(const Template& policy) {
  return fmt::format("{}{}.v1.{}", kPrefix, policy.name, policy.version);
}

std::optional<TemplateRef> template_of(std::string_view condition_name) {
  if (!condition_name.starts_with(kPrefix)) return std::nullopt;
  std::string text(condition_name.substr(kPrefix.size()));
  const auto version = text.rfind(".v1.");
  if (version == std::string::npos) return std::nullopt;
  text[version] = '@';
  return TemplateRef::parse(text);
}

// There are no variables in a condition: a macro over a list of one binds each name instead.
Result<MatchCondition> match_condition(const Template& policy, Kind kind) {
  const CelNames names = names_with("", kind);
  auto controls = controls_of(policy, names);
  if (!controls) return controls.error();
  MatchCondition condition{.name = condition_name(policy), .expression = {}};
  if (condition.name.size() - kPrefix.size() > kMostName) {
    Error error;
    error.message =
        fmt::format("the name of template {} is too long for that of a condition", policy.ref());
    error.remedy = fmt::format("{} bytes with its version are possible", kMostName);
    return error;
  }
  std::string& out = condition.expression;
  out = fmt::format("// True of what is not certainly within {}: only that is sent to Plimsoll.\n",
                    policy.ref());
  out += fmt::format("!{}.all(pod,\n", kind == Kind::Pods ? kPods : kTemplates);
  const auto variables = variables_of("");
  for (const Variable& variable : variables)
    out += fmt::format("[{}].all({},\n", variable.expression, variable.name);
  out += fmt::format("// small enough to be looked at here\n({})", small_enough(names));
  for (const Control& control : *controls) {
    out += " &&\n// ";
    for (const Check* check : control.checks)
      out += fmt::format("{}{}", check == control.checks.front() ? "" : ", ", check->id);
    out += fmt::format("\n({})", control.expression);
  }
  out += '\n' + std::string(variables.size() + 1, ')') + '\n';
  return condition;
}

Result<std::string> match_conditions_yaml(const Template& policy) {
  std::string out =
      fmt::format("# matchConditions of a webhook that is to be asked only about what is not "
                  "certainly within {}.\n"
                  "# Written by: plimsoll templates export {} --as match-conditions\n",
                  policy.ref(), policy.ref());
  for (const Kind kind : kKinds) {
    const auto condition = match_condition(policy, kind);
    if (!condition) return condition.error();
    out += fmt::format("{}:\n", name_of(kind));
    append_condition(out, *condition);
  }
  return out;
}

}  // namespace plimsoll::cel
