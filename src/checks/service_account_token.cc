#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/automountServiceAccountToken";
constexpr Reference kReferences[] = {{kCisKubernetes, "5.1.6"},
                                     {kNsa, "Protecting Pod service account tokens"}};
constexpr ParamSpec kParams[] = {
    {"forbid", "Refuse the token even to pods that ask for it with an explicit true.",
     ParamType::Flag}};

bool passes(const Pod& pod, const Params& params) {
  const auto& mounted = pod.automount_service_account_token;
  return mounted == false || (mounted == true && !params.flag("forbid"));
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (!passes(pod, params))
    out.push_back(
        {pod.spec(kField), pod.automount_service_account_token
                               ? "the pod mounts a service account token"
                               : "the pod does not say whether it needs a service account "
                                 "token, and is given one"});
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (!passes(pod, params)) out.push_back({pod.spec(kField), false});
}

}  // namespace

extern constinit const Check service_account_token{
    .id = "service-account-token",
    .title = "A service account token is mounted only where it is asked for",
    .rationale =
        "A token that nobody needs is a way into the Kubernetes API for whoever breaks into "
        "the container.",
    .remedy = "Set automountServiceAccountToken to false, or to true if the program calls the "
              "Kubernetes API.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = kParams,
    .example = R"(automountServiceAccountToken: false
)",
    .evaluate = evaluate,
    .fix = fix,
};

}  // namespace plimsoll::checks
