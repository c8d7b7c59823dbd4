#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr std::string_view kField = "/securityContext/readOnlyRootFilesystem";
constexpr Reference kReferences[] = {
    {kCisKubernetes, "5.7.3"}, {kCisDocker, "5.13"}, {kNsa, "Immutable container file systems"}};
constexpr ParamSpec kParams[] = {kExemptWindows};

bool passes(const Container& c) { return c.security_context.read_only_root_filesystem == true; }

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c))
      out.push_back({c.path + std::string(kField),
                     fmt::format("{} can write to its root file system", quoted(c))});
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  if (exempt(pod, params)) return;
  for (const Container& c : pod.containers)
    if (!passes(c)) out.push_back({c.path + std::string(kField), true});
}

std::string cel(const Params& params, const CelNames& in) {
  return cel_or_exempt(
      params, in,
      fmt::format("{}.all(c, has(c.readOnlyRootFilesystem) && c.readOnlyRootFilesystem == true)",
                  in.contexts));
}

}  // namespace

extern constinit const Check read_only_root_filesystem{
    .id = "read-only-root-filesystem",
    .title = "Root file systems are read-only",
    .rationale =
        "What cannot be written cannot be replaced: an attacker cannot leave tools behind or "
        "change the program that runs.",
    .remedy = "Set readOnlyRootFilesystem to true and mount an emptyDir where the program writes, "
              "such as /tmp.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = kParams,
    .example = R"(containers:
- name: app
  securityContext:
    readOnlyRootFilesystem: true
  volumeMounts:
  - name: tmp
    mountPath: /tmp
volumes:
- name: tmp
  emptyDir: {}
)",
    .counterexample = R"(containers:
- name: app
  securityContext: {}  # readOnlyRootFilesystem is not set: false
)",
    .risk =
        "A program that writes outside its volumes, such as a cache, a pid file or a log, fails "
        "with \"Read-only file system\". Use it for a while in a test namespace; `plimsoll fix "
        "--allow-risky` also mounts an emptyDir at /tmp, which is all that many programs need.",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
