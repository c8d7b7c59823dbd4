#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kOptional{find_check("seccomp"), Fix::Mends};
const Table kRequired = kOptional.with("required", true);
const Paths kPod = {"/spec/securityContext/seccompProfile/type"};
const Paths kContainer = {"/container/securityContext/seccompProfile/type"};
constexpr char kGood[] = R"({"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}})";
constexpr char kBad[] = R"({"securityContext": {"seccompProfile": {"type": "Unconfined"}}})";
constexpr char kGoodPod[] =
    R"({"spec": {"securityContext": {"seccompProfile": {"type": "Localhost"}}}})";
constexpr char kBadPod[] =
    R"({"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}})";

// What is the same whether or not a profile is required.
std::vector<ContainerRow> rows_about_profiles() {
  return {
      {"RuntimeDefault", kGood},
      {"Localhost", R"({"securityContext": {"seccompProfile": {"type": "Localhost",
                        "localhostProfile": "mine.json"}}})"},
      {"Unconfined",
       kBad,
       kContainer,
       {.messages = {R"(container "c" sets the seccomp profile type "Unconfined")"},
        .fixed = kGood}},
      {"a profile without type",
       R"({"securityContext": {"seccompProfile": {}}})",
       kContainer,
       {.messages = {R"(container "c" sets the seccomp profile type "")"}, .fixed = kGood}},
      {"the profile of another type goes with it",
       R"({"securityContext": {"seccompProfile": {"type": "Unconfined",
                                                  "localhostProfile": "mine.json"}}})",
       kContainer,
       {.fixed = kGood}},
      {"null type", R"({"securityContext": {"seccompProfile": {"type": null}}})", kContainer},
      {"small letter", R"({"securityContext": {"seccompProfile": {"type": "runtimeDefault"}}})",
       kContainer},
      {"as the annotation spells it",
       R"({"securityContext": {"seccompProfile": {"type": "runtime/default"}}})", kContainer},
      {"nothing, from a good pod", "{}", {}, {.pod = kGoodPod}},
      {"good, in a good pod", kGood, {}, {.pod = kGoodPod}},
      {"Unconfined, against a good pod", kBad, kContainer, {.pod = kGoodPod, .fixed = kGood}},
      {"nothing, from a bad pod",
       "{}",
       kPod,
       {.pod = kBadPod,
        .messages = {R"(the pod sets the seccomp profile type "Unconfined")"},
        .fixed = "{}"}},
      {"good, against a bad pod", kGood, kPod, {.pod = kBadPod, .fixed = kGood}},
      {"Unconfined in both",
       kBad,
       {"/spec/securityContext/seccompProfile/type",
        "/container/securityContext/seccompProfile/type"},
       {.pod = kBadPod, .fixed = kGood}},
      {"the old annotation is not looked at", kGood, {}, {.pod = R"({"metadata": {"annotations": {
          "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
          "container.seccomp.security.alpha.kubernetes.io/c": "unconfined"}}})"}},
      {"a user namespace is not exempt",
       kBad,
       kContainer,
       {.pod = R"({"spec": {"hostUsers": false}})"}},
  };
}

// Containers that leave it to a pod that says nothing.
std::vector<ContainerRow> silent_rows(const Paths& findings) {
  return {
      {"nothing", "{}", findings},
      {"null security context", R"({"securityContext": null})", findings},
      {"no profile", R"({"securityContext": {}})", findings},
      {"null profile", R"({"securityContext": {"seccompProfile": null}})", findings},
      {"null profile in the pod",
       "{}",
       findings,
       {.pod = R"({"spec": {"securityContext": {"seccompProfile": null}}})"}},
      {"null security context in the pod",
       "{}",
       findings,
       {.pod = R"({"spec": {"securityContext": null}})"}},
      {"the old annotation says nothing", "{}", findings, {.pod = R"({"metadata": {"annotations": {
          "seccomp.security.alpha.kubernetes.io/pod": "runtime/default"}}})"}},
  };
}

TEST(Seccomp, Containers) {
  for (const bool required : {false, true}) {
    auto rows = rows_about_profiles();
    for (ContainerRow& row : silent_rows(required ? kPod : Paths{})) rows.push_back(row);
    (required ? kRequired : kOptional).containers(rows);
  }
}

TEST(Seccomp, RequiredOfPods) {
  kRequired.pods({
      {"no spec", "{}"},
      {"no container", R"({"spec": {"containers": []}})"},
      {"a bad profile and no container",
       kBadPod,
       kPod,
       {.fixed =
            R"({"spec": {"securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}})"}},
      {"all containers by themselves",
       R"({"spec": {
         "initContainers": [
           {"name": "i", "securityContext": {"seccompProfile": {"type": "Localhost"}}}],
         "containers": [
           {"name": "a", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}}]}})"},
      {"one container says nothing",
       R"({"spec": {"containers": [
         {"name": "a", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
         {"name": "b"}]}})",
       kPod,
       {.messages = {R"(container "b" may make any system call: neither the pod nor the container )"
                     "sets a seccomp profile"},
        .fixed = R"({"spec": {
          "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
          "containers": [
            {"name": "a", "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}}},
            {"name": "b"}]}})"}},
      {"several say nothing, one is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e"}],
         "containers": [
           {"name": "a"},
           {"name": "b", "securityContext": {"seccompProfile": {"type": "Unconfined"}}}],
         "initContainers": [{"name": "i", "securityContext": {}}]}})",
       {"/spec/securityContext/seccompProfile/type",
        "/spec/containers/1/securityContext/seccompProfile/type"},
       {.messages =
            {R"(containers "i", "a", "e" may make any system call: neither the pod nor the )"
             "container sets a seccomp profile",
             R"(container "b" sets the seccomp profile type "Unconfined")"}}},
  });
}

TEST(Seccomp, OptionalForPods) {
  kOptional.pods({
      {"no spec", "{}"},
      {"silent throughout", R"({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}})"},
      {"a good pod", kGoodPod},
      {"both levels, some containers",
       R"({"spec": {
         "securityContext": {"seccompProfile": {"type": "odd"}},
         "ephemeralContainers": [
           {"name": "e", "securityContext": {"seccompProfile": {"type": "Unconfined"}}}],
         "containers": [
           {"name": "a", "securityContext": {"seccompProfile": {"type": "Localhost"}}},
           {"name": "b", "securityContext": {"seccompProfile": {"type": "Unconfined"}}}],
         "initContainers": [{"name": "i"}]}})",
       {"/spec/securityContext/seccompProfile/type",
        "/spec/containers/1/securityContext/seccompProfile/type",
        "/spec/ephemeralContainers/0/securityContext/seccompProfile/type"}},
  });
}

TEST(Seccomp, Exemption) {
  kOptional.exempts_windows(kGood, kBad, kContainer);
  kRequired.exempts_windows(kGood, kBad, kContainer);
  kRequired.exempts_windows(kGood, "{}", kPod);
}

}  // namespace
}  // namespace plimsoll::testing
