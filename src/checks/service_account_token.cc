#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/automountServiceAccountToken";
constexpr Reference kReferences[] = {{kCisKubernetes, "5.1.6"},
                                     {kNsa, "Protecting Pod service account tokens"}};
constexpr ParamSpec kParams[] = {
    {"forbid",
     "Refuse the token even to pods that ask for it, with an explicit true or by a projected "
     "volume.",
     ParamType::Flag}};

bool automounts(const Pod& pod, const Params& params) {
  return pod.given_token || (pod.automount_service_account_token == true && params.flag("forbid"));
}

// `bad(volume, path)` for each token that a volume of the pod holds. The API server's own is one of
// them: what holds a token counts, not its name.
template <class Bad>
void each_forbidden(const Pod& pod, const Params& params, Bad bad) {
  if (!params.flag("forbid")) return;
  for (std::size_t i = 0; i < pod.volumes.size(); ++i)
    for (const std::size_t source : pod.volumes[i].token_sources)
      bad(pod.volumes[i], pod.spec(fmt::format("/volumes/{}/projected/sources/{}", i, source)));
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (automounts(pod, params))
    out.push_back({pod.spec(kField), pod.given_token
                                         ? "the pod does not say whether it needs a service "
                                           "account token, and is given one"
                                         : "the pod mounts a service account token"});
  each_forbidden(pod, params, [&](const Volume& volume, std::string path) {
    out.push_back(
        {std::move(path), fmt::format("volume \"{}\" holds a service account token", volume.name)});
  });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (automounts(pod, params)) out.push_back({pod.spec(kField), false});
  std::vector<std::string> paths;
  each_forbidden(pod, params,
                 [&](const Volume&, std::string path) { paths.push_back(std::move(path)); });
  // Of one list the higher index first, as Edit asks.
  for (auto path = paths.rbegin(); path != paths.rend(); ++path)
    out.push_back({std::move(*path), {}});
}

std::string cel(const Params& params, const CelNames& in) {
  const std::string says = fmt::format("has({}.automountServiceAccountToken)", in.spec);
  constexpr std::string_view kTokenVolume =
      "has(v.projected) && has(v.projected.sources) && v.projected.sources != null && "
      "v.projected.sources.exists(s, has(s.serviceAccountToken))";
  std::string out = says;
  if (!in.workload)
    out = fmt::format(R"(({} || !{}.exists(v, v.name.startsWith("kube-api-access-") && {})))", says,
                      in.volumes, kTokenVolume);
  if (params.flag("forbid"))
    out += fmt::format(
        " && (!{0} || {1}.automountServiceAccountToken == false) && !{2}.exists(v, {3})", says,
        in.spec, in.volumes, kTokenVolume);
  return out;
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
    .counterexample = R"(serviceAccountName: web  # automountServiceAccountToken is not set
)",
    .risk =
        "A program that calls the Kubernetes API, such as an operator or one that elects a leader, "
        "can then no longer do so. Try it in a test namespace, and set "
        "automountServiceAccountToken to true where it needs the token.",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
