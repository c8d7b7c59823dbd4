#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/windowsOptions/hostProcess";
constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): HostProcess"},
                                     {kCisKubernetes, "5.2.11"}};

void evaluate(const Pod& pod, const Params&, Findings& out) {
  each_level(pod, [&](const Level& level) {
    if (level.context.host_process == true)
      out.push_back({level.at(kField), fmt::format("{} sets hostProcess to true", level.who())});
  });
}

void fix(const Pod& pod, const Params&, Edits& out) {
  each_level(pod, [&](const Level& level) {
    if (level.context.host_process == true) out.push_back({level.at(kField), false});
  });
}

std::string cel(const Params&, const CelNames& in) {
  return cel_each_level(in, "!has(c.windowsOptions) || !has(c.windowsOptions.hostProcess) || "
                            "c.windowsOptions.hostProcess == false");
}

}  // namespace

extern constinit const Check windows_host_process{
    .id = "windows-host-process",
    .title = "No Windows container is a host process",
    .rationale =
        "A HostProcess container runs on the Windows node itself, with its network and its "
        "files.",
    .remedy = "Remove hostProcess from windowsOptions, or set it to false.",
    .severity = Severity::Critical,
    .references = kReferences,
    .params = {},
    .example = R"(securityContext:
  windowsOptions:
    hostProcess: false
)",
    .counterexample = R"(securityContext:
  windowsOptions:
    hostProcess: true
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
