#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kTable{find_check("service-account-token"), Fix::Mends};
const Paths kFound = {"/spec/automountServiceAccountToken"};

TEST(ServiceAccountToken, Pods) {
  kTable.pods({
      {"false", R"({"spec": {"automountServiceAccountToken": false}})"},
      {"true", R"({"spec": {"automountServiceAccountToken": true}})"},
      {"not said",
       R"({"spec": {"containers": []}})",
       kFound,
       {.messages = {"the pod does not say whether it needs a service account token, and is given "
                     "one"},
        .fixed = R"({"spec": {"containers": [], "automountServiceAccountToken": false}})"}},
      {"null",
       R"({"spec": {"automountServiceAccountToken": null}})",
       kFound,
       {.fixed = R"({"spec": {"automountServiceAccountToken": false}})"}},
      {"other spelling", R"({"spec": {"autoMountServiceAccountToken": false}})", kFound},
      {"the account is another matter", R"({"spec": {"serviceAccountName": "mine"}})", kFound},
      {"neither Windows nor a user namespace is exempt",
       R"({"spec": {"hostUsers": false, "os": {"name": "windows"}}})", kFound},
  });
}

TEST(ServiceAccountToken, Forbidden) {
  kTable.with("forbid", true)
      .pods({
          {"false", R"({"spec": {"automountServiceAccountToken": false}})"},
          {"true",
           R"({"spec": {"automountServiceAccountToken": true}})",
           kFound,
           {.messages = {"the pod mounts a service account token"},
            .fixed = R"({"spec": {"automountServiceAccountToken": false}})"}},
          {"not said", R"({"spec": {}})", kFound},
          {"null", R"({"spec": {"automountServiceAccountToken": null}})", kFound},
      });
  kTable.with("forbid", false)
      .pods({
          {"true", R"({"spec": {"automountServiceAccountToken": true}})"},
          {"not said", R"({"spec": {}})", kFound},
      });
}

}  // namespace
}  // namespace plimsoll::testing
