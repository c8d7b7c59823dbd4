#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("allow-privilege-escalation"), Fix::Mends};
const Paths kFound = {"/container/securityContext/allowPrivilegeEscalation"};
constexpr char kGood[] = R"({"securityContext": {"allowPrivilegeEscalation": false}})";
constexpr char kBad[] = R"({"securityContext": {"allowPrivilegeEscalation": true}})";

TEST(AllowPrivilegeEscalation, Containers) {
  kTable.containers({
      {"false", kGood},
      {"false, beside other fields",
       R"({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}})"},
      {"true",
       kBad,
       kFound,
       {.messages = {R"(container "c" may gain privileges: allowPrivilegeEscalation is true)"},
        .fixed = kGood}},
      {"no security context",
       "{}",
       kFound,
       {.messages = {R"(container "c" may gain privileges: allowPrivilegeEscalation is not set, )"
                     "which allows it"},
        .fixed = kGood}},
      {"null security context", R"({"securityContext": null})", kFound, {.fixed = kGood}},
      {"empty security context", R"({"securityContext": {}})", kFound, {.fixed = kGood}},
      {"null",
       R"({"securityContext": {"allowPrivilegeEscalation": null}})",
       kFound,
       {.fixed = kGood}},
      {"other fields are kept",
       R"({"image": "a", "securityContext": {"runAsUser": 1}})",
       kFound,
       {.fixed = R"({"image": "a", "securityContext": {"runAsUser": 1,
                     "allowPrivilegeEscalation": false}})"}},
      {"the pod cannot say it",
       "{}",
       kFound,
       {.pod = R"({"spec": {"securityContext": {"allowPrivilegeEscalation": false}}})"}},
  });
}

TEST(AllowPrivilegeEscalation, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"no container", R"({"spec": {"initContainers": null, "containers": []}})"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e"}],
         "containers": [
           {"name": "a", "securityContext": {"allowPrivilegeEscalation": false}},
           {"name": "b", "securityContext": {"allowPrivilegeEscalation": true}}],
         "initContainers": [
           {"name": "i", "securityContext": {}},
           {"name": "j", "securityContext": {"allowPrivilegeEscalation": false}}]}})",
       {"/spec/initContainers/0/securityContext/allowPrivilegeEscalation",
        "/spec/containers/1/securityContext/allowPrivilegeEscalation",
        "/spec/ephemeralContainers/0/securityContext/allowPrivilegeEscalation"}},
  });
}

TEST(AllowPrivilegeEscalation, Exemption) { kTable.exempts_windows(kGood, kBad, kFound); }

}  // namespace
}  // namespace plimsoll::testing
