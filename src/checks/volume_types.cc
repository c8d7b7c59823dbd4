#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "restricted (v1.0+): Volume Types"},
                                     {kCisKubernetes, "5.2.12"},
                                     {kNsa, "Pod security enforcement"}};
constexpr ParamSpec kParams[] = {
    {.name = "allowed", .meaning = "Kinds of volumes that a pod may have.", .form = &kVolumeKind}};

// One allowed source is enough, as upstream: the API server refuses a volume with two.
bool passes(const Volume& v, const Params& params) {
  for (std::size_t i = 0; i < kVolumeKindNames.size(); ++i)
    if ((v.sources & (1U << i)) != 0 && contains(params.strings("allowed"), kVolumeKindNames[i]))
      return true;
  return false;
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  for (std::size_t i = 0; i < pod.volumes.size(); ++i) {
    const Volume& v = pod.volumes[i];
    if (passes(v, params)) continue;
    std::string_view kind;
    for (std::size_t k = 0; k < kVolumeKindNames.size() && kind.empty(); ++k)
      if ((v.sources & (1U << k)) != 0) kind = kVolumeKindNames[k];
    out.push_back({pod.spec(fmt::format("/volumes/{}{}{}", i, kind.empty() ? "" : "/", kind)),
                   kind.empty() ? fmt::format("volume \"{}\" has no source that is known", v.name)
                                : fmt::format("volume \"{}\" is of kind {}", v.name, kind)});
  }
}

std::string cel(const Params& params, const CelNames& in) {
  std::vector<std::string> any;
  for (const std::string_view kind : kVolumeKindNames)
    if (contains(params.strings("allowed"), kind)) any.push_back(fmt::format("has(v.{})", kind));
  if (any.empty()) return fmt::format("{}.size() == 0", in.volumes);
  return fmt::format("{}.all(v, {})", in.volumes, fmt::join(any, " || "));
}

}  // namespace

extern constinit const Check volume_types{
    .id = "volume-types",
    .title = "Volumes are of the allowed kinds",
    .rationale =
        "Inline volumes of the old in-tree kinds carry the node's credentials or reach its "
        "network, and hostPath its files.",
    .remedy =
        "Use one of the allowed kinds; a persistentVolumeClaim stands in for any storage system.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(volumes:
- name: data
  persistentVolumeClaim:
    claimName: data
)",
    .counterexample = R"(volumes:
- name: data
  nfs:
    server: files.example.com
    path: /data
)",
    .evaluate = evaluate,
    .cel = cel,
};

}  // namespace plimsoll::checks
