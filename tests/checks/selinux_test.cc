#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("selinux"), Fix::Mends,
                   Params({{"types", Names{"container_t", "container_init_t"}}})};
const Paths kType = {"/container/securityContext/seLinuxOptions/type"};

TEST(Selinux, Containers) {
  kTable.containers({
      {"no security context", "{}"},
      {"null security context", R"({"securityContext": null})"},
      {"no options", R"({"securityContext": {}})"},
      {"null options", R"({"securityContext": {"seLinuxOptions": null}})"},
      {"empty options", R"({"securityContext": {"seLinuxOptions": {}}})"},
      {"null",
       R"({"securityContext": {"seLinuxOptions": {"type": null, "user": null, "role": null}}})"},
      {"empty", R"({"securityContext": {"seLinuxOptions": {"type": "", "user": "", "role": ""}}})"},
      {"a type that is allowed",
       R"({"securityContext": {"seLinuxOptions": {"type": "container_init_t"}}})"},
      {"a level is free",
       R"({"securityContext": {"seLinuxOptions": {"level": "s0:c1,c2", "type": "container_t"}}})"},
      {"another type",
       R"({"securityContext": {"seLinuxOptions": {"type": "spc_t", "level": "s0"}}})",
       kType,
       {.messages = {R"(container "c" sets the SELinux type "spc_t")"},
        .fixed = R"({"securityContext": {"seLinuxOptions": {"level": "s0"}}})"}},
      {"part of an allowed type",
       R"({"securityContext": {"seLinuxOptions": {"type": "container"}}})", kType},
      {"capital letters", R"({"securityContext": {"seLinuxOptions": {"type": "Container_t"}}})",
       kType},
      {"white space", R"({"securityContext": {"seLinuxOptions": {"type": "container_t "}}})",
       kType},
      {"a user",
       R"({"securityContext": {"seLinuxOptions": {"user": "system_u"}}})",
       {"/container/securityContext/seLinuxOptions/user"},
       {.messages = {R"(container "c" sets the SELinux user "system_u")"}}},
      {"a role",
       R"({"securityContext": {"seLinuxOptions": {"role": "sysadm_r", "type": "container_t"}}})",
       {"/container/securityContext/seLinuxOptions/role"},
       {.messages = {R"(container "c" sets the SELinux role "sysadm_r")"},
        .fixed = R"({"securityContext": {"seLinuxOptions": {"type": "container_t"}}})"}},
      {"all three",
       R"({"securityContext": {"seLinuxOptions": {"type": "t", "user": "u", "role": "r"}}})",
       {"/container/securityContext/seLinuxOptions/type",
        "/container/securityContext/seLinuxOptions/user",
        "/container/securityContext/seLinuxOptions/role"},
       {.fixed = R"({"securityContext": {"seLinuxOptions": {}}})"}},
      {"the name of an allowed type as user",
       R"({"securityContext": {"seLinuxOptions": {"user": "container_t"}}})",
       {"/container/securityContext/seLinuxOptions/user"}},
      {"the pod's good type does not cover it",
       R"({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}})",
       kType,
       {.pod = R"({"spec": {"securityContext": {"seLinuxOptions": {"type": "container_t"}}}})"}},
      {"nor the container's the pod's",
       R"({"securityContext": {"seLinuxOptions": {"type": "container_t"}}})",
       {"/spec/securityContext/seLinuxOptions/type"},
       {.pod = R"({"spec": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}})"}},
      {"Windows and user namespaces are not exempt",
       R"({"securityContext": {"seLinuxOptions": {"type": "spc_t"}}})",
       kType,
       {.pod = R"({"spec": {"hostUsers": false, "os": {"name": "windows"}}})"}},
  });
}

TEST(Selinux, Pods) {
  kTable.pods({
      {"no spec", "{}"},
      {"null options", R"({"spec": {"securityContext": {"seLinuxOptions": null}}})"},
      {"allowed", R"({"spec": {"securityContext": {"seLinuxOptions": {"type": "container_t"}}}})"},
      {"all three",
       R"({"spec": {"securityContext": {"seLinuxOptions": {"role": "r", "type": "t", "user": "u",
           "level": "l"}}}})",
       {"/spec/securityContext/seLinuxOptions/type", "/spec/securityContext/seLinuxOptions/user",
        "/spec/securityContext/seLinuxOptions/role"},
       {.messages = {R"(the pod sets the SELinux type "t")", R"(the pod sets the SELinux user "u")",
                     R"(the pod sets the SELinux role "r")"},
        .fixed = R"({"spec": {"securityContext": {"seLinuxOptions": {"level": "l"}}}})"}},
      {"both levels, some containers",
       R"({"spec": {
         "securityContext": {"seLinuxOptions": {"type": "spc_t"}},
         "ephemeralContainers": [
           {"name": "e", "securityContext": {"seLinuxOptions": {"user": "u"}}}],
         "containers": [
           {"name": "a", "securityContext": {"seLinuxOptions": {"type": "container_t"}}},
           {"name": "b", "securityContext": {"seLinuxOptions": {"role": "r"}}}],
         "initContainers": [
           {"name": "i", "securityContext": {"seLinuxOptions": {"type": "spc_t"}}}]}})",
       {"/spec/securityContext/seLinuxOptions/type",
        "/spec/initContainers/0/securityContext/seLinuxOptions/type",
        "/spec/containers/1/securityContext/seLinuxOptions/role",
        "/spec/ephemeralContainers/0/securityContext/seLinuxOptions/user"}},
  });
}

TEST(Selinux, NoTypeIsAllowedWithoutParameters) {
  Table{find_check("selinux"), Fix::Mends}.containers({
      {"empty", R"({"securityContext": {"seLinuxOptions": {"type": ""}}})"},
      {"container_t", R"({"securityContext": {"seLinuxOptions": {"type": "container_t"}}})", kType},
  });
}

}  // namespace
}  // namespace plimsoll::testing
