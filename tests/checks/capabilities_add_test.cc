#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("capabilities-add"), Fix::Mends,
                   Params({{"allowed", Names{"CHOWN", "NET_BIND_SERVICE"}}})};
const Paths kFirst = {"/container/securityContext/capabilities/add/0"};

TEST(CapabilitiesAdd, Containers) {
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"no capabilities", R"({"securityContext": {}})"},
      {"null capabilities", R"({"securityContext": {"capabilities": null}})"},
      {"empty capabilities", R"({"securityContext": {"capabilities": {}}})"},
      {"null", R"({"securityContext": {"capabilities": {"add": null}}})"},
      {"empty", R"({"securityContext": {"capabilities": {"add": []}}})"},
      {"one that is allowed", R"({"securityContext": {"capabilities": {"add": ["CHOWN"]}}})"},
      {"all that are allowed, one twice",
       R"({"securityContext": {"capabilities": {"add": ["CHOWN", "NET_BIND_SERVICE", "CHOWN"]}}})"},
      {"drop is another matter",
       R"({"securityContext": {"capabilities": {"drop": ["SYS_ADMIN"]}}})"},
      {"one that is not",
       R"({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})",
       kFirst,
       {.messages = {R"(container "c" adds the capability SYS_ADMIN)"},
        .fixed = R"({"securityContext": {"capabilities": {}}})"}},
      {"some of several",
       R"({"securityContext": {"capabilities": {"drop": ["ALL"],
           "add": ["NET_RAW", "CHOWN", "SYS_TIME", "NET_RAW"]}}})",
       {"/container/securityContext/capabilities/add/0",
        "/container/securityContext/capabilities/add/2",
        "/container/securityContext/capabilities/add/3"},
       {.messages = {R"(container "c" adds the capability NET_RAW)",
                     R"(container "c" adds the capability SYS_TIME)",
                     R"(container "c" adds the capability NET_RAW)"},
        .fixed = R"({"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}})"}},
      {"ALL", R"({"securityContext": {"capabilities": {"add": ["ALL"]}}})", kFirst},
      {"small letters", R"({"securityContext": {"capabilities": {"add": ["chown"]}}})", kFirst},
      {"prefix", R"({"securityContext": {"capabilities": {"add": ["CAP_CHOWN"]}}})", kFirst},
      {"white space", R"({"securityContext": {"capabilities": {"add": ["CHOWN "]}}})", kFirst},
      {"part of a name", R"({"securityContext": {"capabilities": {"add": ["NET_BIND"]}}})", kFirst},
      {"empty name", R"({"securityContext": {"capabilities": {"add": [""]}}})", kFirst},
      {"null name", R"({"securityContext": {"capabilities": {"add": [null]}}})", kFirst},
      {"what is dropped as well",
       R"({"securityContext": {"capabilities": {"add": ["NET_RAW"], "drop": ["NET_RAW"]}}})",
       kFirst},
  });
}

TEST(CapabilitiesAdd, NothingIsAllowedWithoutParameters) {
  Table table = kTable;
  table.params = {};
  table.containers({
      {"none", R"({"securityContext": {"capabilities": {"add": []}}})"},
      {"one", R"({"securityContext": {"capabilities": {"add": ["CHOWN"]}}})", kFirst},
  });
}

TEST(CapabilitiesAdd, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"null lists", R"({"spec": {"containers": null, "initContainers": null}})"},
      {"a pod has none",
       R"({"spec": {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}})"},
      {"one of each list is bad",
       R"({"spec": {
         "containers": [
           {"name": "a", "securityContext": {"capabilities": {"add": ["CHOWN"]}}},
           {"name": "b", "securityContext": {"capabilities": {"add": ["CHOWN", "BPF"]}}},
           {"name": "d"}],
         "ephemeralContainers": [
           {"name": "e", "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}],
         "initContainers": [
           {"name": "i", "securityContext": {"capabilities": {"add": ["NET_ADMIN", "BPF"]}}}]}})",
       {"/spec/initContainers/0/securityContext/capabilities/add/0",
        "/spec/initContainers/0/securityContext/capabilities/add/1",
        "/spec/containers/1/securityContext/capabilities/add/1",
        "/spec/ephemeralContainers/0/securityContext/capabilities/add/0"}},
  });
}

TEST(CapabilitiesAdd, Exemption) {
  kTable.exempts_windows(R"({"securityContext": {"capabilities": {"add": ["CHOWN"]}}})",
                         R"({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}})",
                         kFirst);
}

}  // namespace
}  // namespace plimsoll::testing
