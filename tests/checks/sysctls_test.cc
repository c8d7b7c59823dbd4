#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

TEST(Sysctls, Pods) {
  const Table table{find_check("sysctls"), Fix::Mends,
                    Params({{"allowed", Names{"net.ipv4.tcp_syncookies", "net.ipv4.tcp_rmem"}}})};
  const auto sysctls = [](const std::string& list) {
    return R"({"spec": {"securityContext": {"sysctls": )" + list + "}}}";
  };
  const Paths first = {"/spec/securityContext/sysctls/0/name"};
  table.pods({
      {"no spec", "{}"},
      {"null security context", R"({"spec": {"securityContext": null}})"},
      {"null", sysctls("null")},
      {"none", sysctls("[]")},
      {"all that are allowed",
       sysctls(R"([{"name": "net.ipv4.tcp_rmem"}, {"name": "net.ipv4.tcp_syncookies"}])")},
      {"a container has no such field",
       R"({"spec": {"containers": [{"name": "a", "securityContext": {"sysctls": [
             {"name": "kernel.msgmax"}]}}]}})"},
      {"another",
       sysctls(R"([{"name": "kernel.msgmax", "value": "1"}])"),
       first,
       {.messages = {R"(the pod sets the sysctl "kernel.msgmax")"}, .fixed = sysctls("[]")}},
      {"with slashes, as sysctl(8) takes them", sysctls(R"([{"name": "net/ipv4/tcp_syncookies"}])"),
       first},
      {"capital letters", sysctls(R"([{"name": "NET.ipv4.tcp_syncookies"}])"), first},
      {"white space", sysctls(R"([{"name": "net.ipv4.tcp_syncookies "}])"), first},
      {"part of an allowed name", sysctls(R"([{"name": "net.ipv4.tcp"}])"), first},
      {"a pattern", sysctls(R"([{"name": "net.*"}])"), first},
      {"empty name", sysctls(R"([{"name": ""}])"), first},
      {"null name", sysctls(R"([{"name": null, "value": "1"}])"), first, {.fixed = sysctls("[]")}},
      {"no name", sysctls(R"([{"value": "1"}])"), first, {.fixed = sysctls("[]")}},
      {"null element", sysctls("[null]"), first},
      {"some of several, in their order",
       sysctls(R"([{"name": "a.a"}, {"name": "net.ipv4.tcp_rmem"}, {"name": "a.b"},
                   {"name": "a.a"}, {"name": "net.ipv4.tcp_syncookies"}])"),
       {"/spec/securityContext/sysctls/0/name", "/spec/securityContext/sysctls/2/name",
        "/spec/securityContext/sysctls/3/name"},
       {.fixed =
            sysctls(R"([{"name": "net.ipv4.tcp_rmem"}, {"name": "net.ipv4.tcp_syncookies"}])")}},
      {"neither Windows nor a user namespace is exempt",
       R"({"spec": {"hostUsers": false, "os": {"name": "windows"},
           "securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}})",
       first},
  });
}

TEST(Sysctls, NoneIsAllowedWithoutParameters) {
  Table{find_check("sysctls"), Fix::Mends}.pods({
      {"none", R"({"spec": {"securityContext": {"sysctls": []}}})"},
      {"one",
       R"({"spec": {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}]}}})",
       {"/spec/securityContext/sysctls/0/name"}},
  });
}

}  // namespace
}  // namespace plimsoll::testing
