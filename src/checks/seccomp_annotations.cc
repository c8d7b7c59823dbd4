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

template <class Bad>
void each_bad(const Pod& pod, Bad bad) {
  if (pod.annotations.empty()) return;
  std::vector<std::string_view> names;
  for (const Container& c : pod.containers) names.push_back(c.name);
  std::ranges::sort(names);
  // An annotation for a container that the pod does not have has no effect, and does not count.
  const auto counts = [&](std::string_view key) {
    if (key == kPodKey) return true;
    if (!key.starts_with(kContainerPrefix)) return false;
    return std::ranges::binary_search(names, key.substr(kContainerPrefix.size()));
  };
  for (const auto& [key, value] : pod.annotations)
    if (counts(key) && !allowed(value)) bad(annotation_path(pod, key), key, value);
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

// Also of annotations for containers that the pod does not have.
std::string cel(const Params&, const CelNames& in) {
  return fmt::format(R"({0}.all(k, k != {1} && !k.startsWith({2}) || )"
                     R"({0}[k] in ["runtime/default", "docker/default"] || )"
                     R"({0}[k].startsWith("localhost/")))",
                     in.annotations, cel_text(kPodKey), cel_text(kContainerPrefix));
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
    .example = R"(metadata:
  annotations:
    seccomp.security.alpha.kubernetes.io/pod: runtime/default
)",
    .counterexample = R"(metadata:
  annotations:
    seccomp.security.alpha.kubernetes.io/pod: unconfined
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
