#include "checks/check_table.h"

namespace plimsoll::testing {
namespace {

const Table kServed{find_check("service-account-token"), Fix::Mends};
const Table kWritten{find_check("service-account-token"), Fix::Mends, {}, codec::Origin::Manifest};
const Paths kFound = {"/spec/automountServiceAccountToken"};

// A pod with the volume that the API server adds for a token, or one like it.
std::string with_volume(const std::string& fields, const std::string& name,
                        const std::string& sources) {
  return R"({"spec": {)" + fields + R"("volumes": [{"name": ")" + name +
         R"(", "projected": {"sources": )" + sources + "}}]}}";
}
constexpr char kInjected[] = "kube-api-access-zmfrp";
constexpr char kToken[] = R"([{"serviceAccountToken": {"path": "token"}}])";

TEST(ServiceAccountToken, Pods) {
  for (const Table& table : {kServed, kWritten})
    table.pods({
        {"false", R"({"spec": {"automountServiceAccountToken": false}})"},
        {"true", R"({"spec": {"automountServiceAccountToken": true}})"},
        {"true, and the API server has done so",
         with_volume(R"("automountServiceAccountToken": true, )", kInjected, kToken)},
        {"the API server has mounted it unasked",
         with_volume("", kInjected, kToken),
         kFound,
         {.messages = {"the pod does not say whether it needs a service account token, and is "
                       "given one"},
          .fixed = with_volume(R"("automountServiceAccountToken": false, )", kInjected, kToken)}},
        {"null",
         with_volume(R"("automountServiceAccountToken": null, )", kInjected, kToken),
         kFound,
         {.fixed = with_volume(R"("automountServiceAccountToken": false, )", kInjected, kToken)}},
        {"other spelling",
         with_volume(R"("autoMountServiceAccountToken": false, )", kInjected, kToken), kFound},
        {"the account is another matter",
         with_volume(R"("serviceAccountName": "mine", )", kInjected, kToken), kFound},
        {"neither Windows nor a user namespace is exempt",
         with_volume(R"("hostUsers": false, "os": {"name": "windows"}, )", kInjected, kToken),
         kFound},
        {"a volume of its own asks for it",
         with_volume(R"("automountServiceAccountToken": false, )", "token", kToken)},
    });
}

// The API server gives a token to the pod that it makes of this, unless the account declines it.
TEST(ServiceAccountToken, NotSaidInAManifest) {
  kWritten.pods({
      {"said", R"({"spec": {"automountServiceAccountToken": true}})"},
      {"not said",
       R"({"spec": {"containers": []}})",
       kFound,
       {.fixed = R"({"spec": {"containers": [], "automountServiceAccountToken": false}})"}},
      {"a volume of its own is another matter", with_volume("", "token", kToken), kFound},
  });
}

// By then the API server has added its volume, or will not: the account declines the token.
TEST(ServiceAccountToken, NotSaidToTheApiServer) {
  kServed.pods({
      {"no volume", R"({"spec": {"containers": []}})", {}, {.bare = true}},
      {"a volume of its own", with_volume("", "token", kToken), {}, {.bare = true}},
      {"a volume of that name and kind without a token",
       with_volume("", kInjected, R"([{"configMap": {"name": "kube-root-ca.crt"}}])"),
       {},
       {.bare = true}},
      {"no source of a token",
       with_volume("", kInjected, R"([{"serviceAccountToken": null}])"),
       {},
       {.bare = true}},
      {"with its volume", with_volume("", kInjected, kToken), kFound},
  });
}

TEST(ServiceAccountToken, Forbidden) {
  const Paths volume = {"/spec/volumes/0/projected/sources/0"};
  for (const Table& table : {kServed, kWritten}) {
    table.with("forbid", true)
        .pods({
            {"false", R"({"spec": {"automountServiceAccountToken": false}})"},
            {"true",
             R"({"spec": {"automountServiceAccountToken": true}})",
             kFound,
             {.messages = {"the pod mounts a service account token"},
              .fixed = R"({"spec": {"automountServiceAccountToken": false}})"}},
            {"given unasked",
             with_volume("", kInjected, kToken),
             {kFound[0], volume[0]},
             {.fixed = with_volume(R"("automountServiceAccountToken": false, )", kInjected, "[]")}},
            {"declined, and had by a volume",
             with_volume(R"("automountServiceAccountToken": false, )", "t", kToken),
             volume,
             {.messages = {R"(volume "t" holds a service account token)"},
              .fixed = with_volume(R"("automountServiceAccountToken": false, )", "t", "[]")}},
            {"declined, and had by a volume like the API server's",
             with_volume(R"("automountServiceAccountToken": false, )", kInjected, kToken), volume},
            {"some sources of several",
             with_volume(R"("automountServiceAccountToken": false, )", "t",
                         R"([{"serviceAccountToken": {}}, {"secret": {"name": "s"}},
                             {"serviceAccountToken": null}, {"serviceAccountToken": {}}])"),
             {"/spec/volumes/0/projected/sources/0", "/spec/volumes/0/projected/sources/3"},
             {.fixed =
                  with_volume(R"("automountServiceAccountToken": false, )", "t",
                              R"([{"secret": {"name": "s"}}, {"serviceAccountToken": null}])")}},
            {"other sources, and none",
             R"({"spec": {"automountServiceAccountToken": false, "volumes": [
                {"name": "a", "projected": {"sources": [{"configMap": {}}, {}, null]}},
                {"name": "b", "projected": {"sources": null}}, {"name": "c", "projected": {}},
                {"name": "d", "secret": {"secretName": "serviceAccountToken"}}]}})"},
        });
    table.with("forbid", false)
        .pods({
            {"true", R"({"spec": {"automountServiceAccountToken": true}})"},
            {"given unasked", with_volume("", kInjected, kToken), kFound},
        });
  }
}

}  // namespace
}  // namespace plimsoll::testing
