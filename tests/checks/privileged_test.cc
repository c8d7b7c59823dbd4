#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("privileged"), Fix::Mends};
const Paths kFound = {"/container/securityContext/privileged"};
constexpr char kBad[] = R"({"securityContext": {"privileged": true}})";

TEST(Privileged, Containers) {
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"not said", R"({"securityContext": {}})"},
      {"null", R"({"securityContext": {"privileged": null}})"},
      {"false", R"({"securityContext": {"privileged": false}})"},
      {"other spelling", R"({"securityContext": {"Privileged": true}})"},
      {"true",
       kBad,
       kFound,
       {.messages = {R"(container "c" is privileged)"},
        .fixed = R"({"securityContext": {"privileged": false}})"}},
      {"with fewer capabilities", R"({"securityContext": {"privileged": true,
        "capabilities": {"drop": ["ALL"]}}})",
       kFound},
      {"Windows and user namespaces are not exempt",
       kBad,
       kFound,
       {.pod = R"({"spec": {"hostUsers": false, "os": {"name": "windows"}}})"}},
  });
}

TEST(Privileged, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"a pod has no such field", R"({"spec": {"securityContext": {"privileged": true}}})"},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e", "securityContext": {"privileged": true}}],
         "containers": [{"name": "a"}, {"name": "b", "securityContext": {"privileged": true}},
                        {"name": "d", "securityContext": {"privileged": false}}],
         "initContainers": [{"name": "i", "securityContext": {"privileged": true}}]}})",
       {"/spec/initContainers/0/securityContext/privileged",
        "/spec/containers/1/securityContext/privileged",
        "/spec/ephemeralContainers/0/securityContext/privileged"},
       {.messages = {R"(container "i" is privileged)", R"(container "b" is privileged)",
                     R"(container "e" is privileged)"}}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
