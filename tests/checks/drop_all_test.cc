#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("drop-all"), Fix::Mends};
const Paths kFound = {"/container/securityContext/capabilities/drop"};
constexpr char kGood[] = R"({"securityContext": {"capabilities": {"drop": ["ALL"]}}})";

TEST(DropAll, Containers) {
  kTable.containers({
      {"ALL", kGood},
      {"ALL among others",
       R"({"securityContext": {"capabilities": {"drop": ["NET_RAW", "ALL", "CHOWN"]}}})"},
      {"ALL, and some added back",
       R"({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}})"},
      {"no security context",
       "{}",
       kFound,
       {.messages = {R"(container "c" does not drop ALL capabilities)"}, .fixed = kGood}},
      {"null security context", R"({"securityContext": null})", kFound, {.fixed = kGood}},
      {"no capabilities", R"({"securityContext": {}})", kFound, {.fixed = kGood}},
      {"null capabilities",
       R"({"securityContext": {"capabilities": null}})",
       kFound,
       {.fixed = kGood}},
      {"empty capabilities",
       R"({"securityContext": {"capabilities": {}}})",
       kFound,
       {.fixed = kGood}},
      {"null",
       R"({"securityContext": {"capabilities": {"drop": null}}})",
       kFound,
       {.fixed = kGood}},
      {"empty", R"({"securityContext": {"capabilities": {"drop": []}}})", kFound, {.fixed = kGood}},
      {"small letters",
       R"({"securityContext": {"capabilities": {"drop": ["all"]}}})",
       kFound,
       {.fixed = kGood}},
      {"prefix", R"({"securityContext": {"capabilities": {"drop": ["CAP_ALL"]}}})", kFound},
      {"white space", R"({"securityContext": {"capabilities": {"drop": [" ALL"]}}})", kFound},
      {"star", R"({"securityContext": {"capabilities": {"drop": ["*"]}}})", kFound},
      {"null name", R"({"securityContext": {"capabilities": {"drop": [null]}}})", kFound},
      {"some others; what is added stays",
       R"({"securityContext": {"capabilities": {"drop": ["NET_RAW"], "add": ["CHOWN"]}}})",
       kFound,
       {.fixed = R"({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}})"}},
      {"ALL is added", R"({"securityContext": {"capabilities": {"add": ["ALL"]}}})", kFound},
  });
}

TEST(DropAll, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"no container", R"({"spec": {"containers": []}})"},
      {"the pod cannot say it",
       R"({"spec": {"securityContext": {"capabilities": {"drop": ["ALL"]}},
           "containers": [{"name": "a"}]}})",
       {"/spec/containers/0/securityContext/capabilities/drop"}},
      {"one of each list is bad",
       R"({"spec": {
         "ephemeralContainers": [{"name": "e"}],
         "containers": [
           {"name": "a", "securityContext": {"capabilities": {"drop": ["ALL"]}}},
           {"name": "b", "securityContext": {"capabilities": {"drop": ["NET_RAW"]}}}],
         "initContainers": [
           {"name": "i", "securityContext": {"capabilities": {"drop": ["ALL"]}}},
           {"name": "j"}]}})",
       {"/spec/initContainers/1/securityContext/capabilities/drop",
        "/spec/containers/1/securityContext/capabilities/drop",
        "/spec/ephemeralContainers/0/securityContext/capabilities/drop"}},
  });
}

TEST(DropAll, Exemption) { kTable.exempts_windows(kGood, "{}", kFound); }

}  // namespace
}  // namespace plimsoll::testing
