#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kPodKey = "seccomp.security.alpha.kubernetes.io/pod";
constexpr std::string_view kContainerPrefix = "container.seccomp.security.alpha.kubernetes.io/";
constexpr Reference kReferences[] = {{kPss, "baseline (before v1.19): Seccomp"},
                                     {kCisKubernetes, "5.7.2"}};

// Unlike AppArmor's, an empty value is not allowed.
bool allowed(std::string_view value) {
  return value == "runtime/default" || value == "docker/default" || value.starts_with("localhost/");
}

// An annotation for a container that the pod does not have has no effect, and does not count.
bool counts(const Pod& pod, std::string_view key) {
  if (key == kPodKey) return true;
  if (!key.starts_with(kContainerPrefix)) return false;
  key.remove_prefix(kContainerPrefix.size());
  return std::ranges::find(pod.containers, key, &Container::name) != pod.containers.end();
}

template <class Bad>
void each_bad(const Pod& pod, Bad bad) {
  for (const auto& [key, value] : pod.annotations)
    if (counts(pod, key) && !allowed(value)) bad(annotation_path(pod, key), key, value);
}

void evaluate(const Pod& pod, const Params&, Findings& out) {
  each_bad(pod, [&](std::string path, const auto& key, const auto& value) {
    out.push_back({std::move(path), fmt::format("annotation {} is \"{}\"", key, value)});
  });
}

void fix(const Pod& pod, const Params&, Edits& out) {
  each_bad(pod, [&](std::string path, const auto&, const auto&) {
    out.push_back({std::move(path), std::string("runtime/default")});
  });
}

}  // namespace

extern constinit const Check seccomp_annotations{
    .id = "seccomp-annotations",
    .title = "Seccomp annotations do not switch seccomp off",
    .rationale = "Before Kubernetes 1.19 these annotations were the only way to choose a profile; "
                 "unconfined leaves every system call open.",
    .remedy = "Set the annotation to runtime/default, or remove it and use seccompProfile.",
    .severity = Severity::High,
    .references = kReferences,
    .params = {},
    .example = R"(# metadata.annotations:
#   seccomp.security.alpha.kubernetes.io/pod: runtime/default
)",
    .evaluate = evaluate,
    .fix = fix,
};

}  // namespace plimsoll::checks
