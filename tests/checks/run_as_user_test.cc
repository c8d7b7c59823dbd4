#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("run-as-user"), Fix::Mends};
const Paths kPod = {"/spec/securityContext/runAsUser"};
const Paths kContainer = {"/container/securityContext/runAsUser"};
constexpr char kBad[] = R"({"securityContext": {"runAsUser": 0}})";

TEST(RunAsUser, Containers) {
  constexpr char kGoodPod[] = R"({"spec": {"securityContext": {"runAsUser": 1000}}})";
  constexpr char kBadPod[] = R"({"spec": {"securityContext": {"runAsUser": 0}}})";
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"not said", R"({"securityContext": {}})"},
      {"null", R"({"securityContext": {"runAsUser": null}})"},
      {"another", R"({"securityContext": {"runAsUser": 1000}})"},
      {"negative", R"({"securityContext": {"runAsUser": -1}})"},
      {"the greatest 64-bit id", R"({"securityContext": {"runAsUser": 9223372036854775807}})"},
      {"low 32 bits of zero", R"({"securityContext": {"runAsUser": 4294967296}})"},
      {"group zero is another matter", R"({"securityContext": {"runAsGroup": 0}})"},
      {"zero",
       kBad,
       kContainer,
       {.messages = {R"(container "c" sets runAsUser to 0, which is root)"},
        .fixed = R"({"securityContext": {}})"}},
      {"zero, with runAsNonRoot",
       R"({"securityContext": {"runAsUser": 0, "runAsNonRoot": true}})",
       kContainer,
       {.fixed = R"({"securityContext": {"runAsNonRoot": true}})"}},
      {"zero, against the pod", kBad, kContainer, {.pod = kGoodPod}},
      {"from a pod with zero",
       "{}",
       kPod,
       {.pod = kBadPod, .messages = {"the pod sets runAsUser to 0, which is root"}}},
      {"another, against a pod with zero",
       R"({"securityContext": {"runAsUser": 1000}})",
       kPod,
       {.pod = kBadPod}},
      {"zero in both",
       kBad,
       {"/spec/securityContext/runAsUser", "/container/securityContext/runAsUser"},
       {.pod = kBadPod, .fixed = R"({"securityContext": {}})"}},
      {"Windows is not exempt",
       kBad,
       kContainer,
       {.pod = R"({"spec": {"os": {"name": "windows"}}})"}},
  });
}

TEST(RunAsUser, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"null security context", R"({"spec": {"securityContext": null}})"},
      {"null", R"({"spec": {"securityContext": {"runAsUser": null}}})"},
      {"zero, no container",
       R"({"spec": {"securityContext": {"runAsUser": 0, "fsGroup": 0}}})",
       kPod,
       {.fixed = R"({"spec": {"securityContext": {"fsGroup": 0}}})"}},
      {"both levels, some containers",
       R"({"spec": {
         "securityContext": {"runAsUser": 0},
         "ephemeralContainers": [{"name": "e", "securityContext": {"runAsUser": 0}}],
         "containers": [{"name": "a", "securityContext": {"runAsUser": 1}},
                        {"name": "b", "securityContext": {"runAsUser": 0}}],
         "initContainers": [{"name": "i", "securityContext": {"runAsUser": 0}}, {"name": "j"}]}})",
       {"/spec/securityContext/runAsUser", "/spec/initContainers/0/securityContext/runAsUser",
        "/spec/containers/1/securityContext/runAsUser",
        "/spec/ephemeralContainers/0/securityContext/runAsUser"}},
  });
}

TEST(RunAsUser, Exemption) {
  kTable.exempts_user_namespaces(R"({"securityContext": {"runAsUser": 1}})", kBad, kContainer);
}

}  // namespace
}  // namespace plimsoll::testing
