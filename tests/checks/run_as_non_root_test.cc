#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("run-as-non-root"), Fix::Mends};
const Paths kPod = {"/spec/securityContext/runAsNonRoot"};
const Paths kContainer = {"/container/securityContext/runAsNonRoot"};
constexpr char kGood[] = R"({"securityContext": {"runAsNonRoot": true}})";
constexpr char kBad[] = R"({"securityContext": {"runAsNonRoot": false}})";

TEST(RunAsNonRoot, Containers) {
  constexpr char kGoodPod[] = R"({"spec": {"securityContext": {"runAsNonRoot": true}}})";
  constexpr char kBadPod[] = R"({"spec": {"securityContext": {"runAsNonRoot": false}}})";
  kTable.containers({
      {"true", kGood},
      {"false",
       kBad,
       kContainer,
       {.messages = {R"(container "c" sets runAsNonRoot to false)"}, .fixed = kGood}},
      {"nothing",
       "{}",
       kPod,
       {.messages = {R"(container "c" may run as root: neither the pod nor the container sets )"
                     "runAsNonRoot"},
        .fixed = "{}"}},
      {"null security context", R"({"securityContext": null})", kPod},
      {"null", R"({"securityContext": {"runAsNonRoot": null}})", kPod},
      {"a user id is no answer", R"({"securityContext": {"runAsUser": 1000}})", kPod},
      {"null in the pod",
       "{}",
       kPod,
       {.pod = R"({"spec": {"securityContext": {"runAsNonRoot": null}}})"}},
      {"null security context in the pod",
       "{}",
       kPod,
       {.pod = R"({"spec": {"securityContext": null}})"}},
      {"from a pod that says true", "{}", {}, {.pod = kGoodPod}},
      {"null, from a pod that says true",
       R"({"securityContext": {"runAsNonRoot": null}})",
       {},
       {.pod = kGoodPod}},
      {"true in both", kGood, {}, {.pod = kGoodPod}},
      {"false, against the pod", kBad, kContainer, {.pod = kGoodPod, .fixed = kGood}},
      {"from a pod that says false",
       "{}",
       kPod,
       {.pod = kBadPod, .messages = {"the pod sets runAsNonRoot to false"}, .fixed = "{}"}},
      {"true, against the pod", kGood, kPod, {.pod = kBadPod, .fixed = kGood}},
      {"false in both",
       kBad,
       {"/spec/securityContext/runAsNonRoot", "/container/securityContext/runAsNonRoot"},
       {.pod = kBadPod, .fixed = kGood}},
      {"Windows is not exempt", "{}", kPod, {.pod = R"({"spec": {"os": {"name": "windows"}}})"}},
  });
}

TEST(RunAsNonRoot, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"no container", R"({"spec": {"containers": []}})"},
      {"no container, false",
       R"({"spec": {"securityContext": {"runAsNonRoot": false}}})",
       kPod,
       {.fixed = R"({"spec": {"securityContext": {"runAsNonRoot": true}}})"}},
      {"all containers by themselves",
       R"({"spec": {
         "initContainers": [{"name": "i", "securityContext": {"runAsNonRoot": true}}],
         "containers": [{"name": "a", "securityContext": {"runAsNonRoot": true}}],
         "ephemeralContainers": [{"name": "e", "securityContext": {"runAsNonRoot": true}}]}})"},
      {"one container says nothing",
       R"({"spec": {
         "containers": [{"name": "a", "securityContext": {"runAsNonRoot": true}}, {"name": "b"}]}})",
       kPod,
       {.messages = {R"(container "b" may run as root: neither the pod nor the container sets )"
                     "runAsNonRoot"},
        .fixed = R"({"spec": {"securityContext": {"runAsNonRoot": true}, "containers": [
                     {"name": "a", "securityContext": {"runAsNonRoot": true}}, {"name": "b"}]}})"}},
      {"several say nothing, one says false",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e"}],
         "containers": [{"name": "a"}, {"name": "b", "securityContext": {"runAsNonRoot": false}}],
         "initContainers": [{"name": "i", "securityContext": {}}]}})",
       {"/spec/securityContext/runAsNonRoot", "/spec/containers/1/securityContext/runAsNonRoot"},
       {.messages = {R"(containers "i", "a", "e" may run as root: neither the pod nor the )"
                     "container sets runAsNonRoot",
                     R"(container "b" sets runAsNonRoot to false)"},
        .fixed = R"({"spec": {
          "securityContext": {"runAsNonRoot": true},
          "ephemeralContainers": [{"name": "e"}],
          "containers": [{"name": "a"}, {"name": "b", "securityContext": {"runAsNonRoot": true}}],
          "initContainers": [{"name": "i", "securityContext": {}}]}})"}},
  });
}

TEST(RunAsNonRoot, Exemption) {
  kTable.exempts_user_namespaces(kGood, kBad, kContainer);
  kTable.exempts_user_namespaces(kGood, "{}", kPod);
}

}  // namespace
}  // namespace plimsoll::testing
