#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("proc-mount"), Fix::Mends};
const Paths kFound = {"/container/securityContext/procMount"};
constexpr char kGood[] = R"({"securityContext": {"procMount": "Default"}})";
constexpr char kBad[] = R"({"securityContext": {"procMount": "Unmasked"}})";

TEST(ProcMount, Containers) {
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"not said", R"({"securityContext": {}})"},
      {"null", R"({"securityContext": {"procMount": null}})"},
      {"Default", kGood},
      {"Unmasked",
       kBad,
       kFound,
       {.messages = {R"(container "c" sets procMount to "Unmasked")"}, .fixed = kGood}},
      {"empty",
       R"({"securityContext": {"procMount": ""}})",
       kFound,
       {.messages = {R"(container "c" sets procMount to "")"}, .fixed = kGood}},
      {"small letter", R"({"securityContext": {"procMount": "default"}})", kFound},
      {"other", R"({"securityContext": {"procMount": "other"}})", kFound},
  });
}

TEST(ProcMount, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"a pod has no such field", R"({"spec": {"securityContext": {"procMount": "Unmasked"}}})"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e", "securityContext": {"procMount": "Unmasked"}}],
         "containers": [{"name": "a", "securityContext": {"procMount": "Default"}},
                        {"name": "b", "securityContext": {"procMount": "Unmasked"}}],
         "initContainers": [{"name": "i", "securityContext": {"procMount": "Unmasked"}},
                            {"name": "j"}]}})",
       {"/spec/initContainers/0/securityContext/procMount",
        "/spec/containers/1/securityContext/procMount",
        "/spec/ephemeralContainers/0/securityContext/procMount"}},
  });
}

TEST(ProcMount, Exemption) { kTable.exempts_user_namespaces(kGood, kBad, kFound); }

}  // namespace
}  // namespace plimsoll::testing
