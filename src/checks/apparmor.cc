#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kProfile = "/securityContext/appArmorProfile";
constexpr std::string_view kField = "/securityContext/appArmorProfile/type";
constexpr std::string_view kAnnotation = "container.apparmor.security.beta.kubernetes.io/";
constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): AppArmor"},
                                     {kCisKubernetes, "5.7.3"},
                                     {kCisDocker, "5.2"},
                                     {kNsa, "Hardening container environments"}};

bool allowed_type(std::string_view type) { return type == "RuntimeDefault" || type == "Localhost"; }

// Source: pod-security-admission policy/check_appArmorProfile.go, allowedAnnotationValue.
bool allowed_annotation(std::string_view value) {
  return value.empty() || value == "runtime/default" || value.starts_with("localhost/");
}

template <class Bad>
void each_bad_annotation(const Pod& pod, Bad bad) {
  for (const auto& [key, value] : pod.annotations)
    if (key.starts_with(kAnnotation) && !allowed_annotation(value))
      bad(annotation_path(pod, key), key, value);
}

void evaluate(const Pod& pod, const Params&, Findings& out) {
  each_level(pod, [&](const Level& level) {
    const auto& type = level.context.apparmor_type;
    if (type && !allowed_type(*type))
      out.push_back({level.at(kField),
                     fmt::format("{} sets the AppArmor profile type \"{}\"", level.who(), *type)});
  });
  each_bad_annotation(pod, [&](std::string path, const auto& key, const auto& value) {
    out.push_back({std::move(path), fmt::format("annotation {} is \"{}\"", key, value)});
  });
}

void fix(const Pod& pod, const Params&, Edits& out) {
  each_level(pod, [&](const Level& level) {
    const auto& type = level.context.apparmor_type;
    if (!type || allowed_type(*type)) return;
    // The API server takes localhostProfile beside the type Localhost only.
    if (level.context.apparmor_localhost) out.push_back({level.at(kProfile), {}});
    out.push_back({level.at(kField), std::string("RuntimeDefault")});
  });
  each_bad_annotation(pod, [&](std::string path, const auto&, const auto&) {
    out.push_back({std::move(path), std::string("runtime/default")});
  });
}

std::string cel(const Params&, const CelNames& in) {
  return fmt::format(
      R"({} && {}.all(k, !k.startsWith({}) || {}[k] == "" || {}[k] == "runtime/default" || {}[k].startsWith("localhost/")))",
      cel_each_level(
          in,
          R"(!has(c.appArmorProfile) || has(c.appArmorProfile.type) && c.appArmorProfile.type in ["RuntimeDefault", "Localhost"])"),
      in.annotations, cel_text(kAnnotation), in.annotations, in.annotations, in.annotations);
}

}  // namespace

extern constinit const Check apparmor{
    .id = "apparmor",
    .title = "AppArmor stays on",
    .rationale = "The runtime's AppArmor profile keeps a container from mounting, tracing and "
                 "writing to kernel files; unconfined, a break-out has one wall less.",
    .remedy = "Leave the AppArmor profile out, or use RuntimeDefault or a Localhost profile.",
    .severity = Severity::High,
    .references = kReferences,
    .params = {},
    .example = R"(securityContext:
  appArmorProfile:
    type: RuntimeDefault
)",
    .counterexample = R"(securityContext:
  appArmorProfile:
    type: Unconfined
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
