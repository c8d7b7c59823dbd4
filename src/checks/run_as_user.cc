#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/runAsUser";
constexpr Reference kReferences[] = {
    {kPss, "restricted (v1.23+): Running as Non-root user"},
    {kCisKubernetes, "5.2.7"},
    {kCisDocker, "4.1"},
    {kNsa, "\"Non-root\" containers and \"rootless\" container engines"}};
constexpr ParamSpec kParams[] = {kExemptUserNamespaces};

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  each_level(pod, [&](const Level& level) {
    if (level.context.run_as_user == 0)
      out.push_back(
          {level.at(kField), fmt::format("{} sets runAsUser to 0, which is root", level.who())});
  });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  each_level(pod, [&](const Level& level) {
    if (level.context.run_as_user == 0) out.push_back({level.at(kField), {}});
  });
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(params, in, cel_each_level(in, "!has(c.runAsUser) || c.runAsUser != 0"));
}

}  // namespace

extern constinit const Check run_as_user{
    .id = "run-as-user",
    .title = "No container asks for user id 0",
    .rationale = "User id 0 is root, whatever the image was built for.",
    .remedy =
        "Set runAsUser to an id other than 0, or remove it so that the image's own user counts.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(securityContext:
  runAsUser: 10001
)",
    .counterexample = R"(containers:
- name: app
  securityContext:
    runAsUser: 0
)",
    .risk =
        "The image's own user counts then, who may not be allowed to do what root did: write to a "
        "folder, read a key, listen on a port below 1024. Start it in a test namespace, and read "
        "and write on each of its volumes; if that user is root too, run-as-non-root says so.",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
