#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

TEST(HostNamespaces, Pods) {
  const Table table{find_check("host-namespaces"), Fix::Mends};
  table.pods({
      {"no spec", "{}"},
      {"null spec", R"({"spec": null})"},
      {"none said", R"({"spec": {"containers": [{"name": "a"}]}})"},
      {"null", R"({"spec": {"hostNetwork": null, "hostPID": null, "hostIPC": null}})"},
      {"false", R"({"spec": {"hostNetwork": false, "hostPID": false, "hostIPC": false}})"},
      {"other spellings are other fields",
       R"({"spec": {"hostnetwork": true, "hostPid": true, "hostIpc": true}})"},
      {"sharing among the pod's own", R"({"spec": {"shareProcessNamespace": true}})"},
      {"hostUsers is another matter", R"({"spec": {"hostUsers": true}})"},
      {"in the security context it is no field", R"({"spec": {"securityContext": {"hostPID": true},
        "containers": [{"name": "a", "securityContext": {"hostNetwork": true}}]}})"},
      {"network",
       R"({"spec": {"hostNetwork": true, "hostPID": false}})",
       {"/spec/hostNetwork"},
       {.messages = {"the pod sets hostNetwork to true"},
        .fixed = R"({"spec": {"hostNetwork": false, "hostPID": false}})"}},
      {"processes",
       R"({"spec": {"hostPID": true}})",
       {"/spec/hostPID"},
       {.messages = {"the pod sets hostPID to true"}, .fixed = R"({"spec": {"hostPID": false}})"}},
      {"IPC",
       R"({"spec": {"hostIPC": true}})",
       {"/spec/hostIPC"},
       {.messages = {"the pod sets hostIPC to true"}, .fixed = R"({"spec": {"hostIPC": false}})"}},
      {"all",
       R"({"spec": {"hostIPC": true, "hostPID": true, "hostNetwork": true}})",
       {"/spec/hostNetwork", "/spec/hostPID", "/spec/hostIPC"}},
      {"neither Windows nor a user namespace is exempt",
       R"({"spec": {"hostNetwork": true, "hostUsers": false, "os": {"name": "windows"}}})",
       {"/spec/hostNetwork"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
