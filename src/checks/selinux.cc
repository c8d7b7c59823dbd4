#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {{kPss, "baseline (v1.0+): SELinux"},
                                     {kCisKubernetes, "5.7.3"},
                                     {kCisDocker, "5.3"},
                                     {kNsa, "Hardening container environments"}};
constexpr ParamSpec kParams[] = {{"types", "SELinux types that may be set."}};

// `bad(level, field, value)`
template <class Bad>
void each_bad(const Pod& pod, const Params& params, Bad bad) {
  each_level(pod, [&](const Level& level) {
    if (!level.context.selinux) return;
    const SELinuxOptions& options = *level.context.selinux;
    if (!options.type.empty() && !contains(params.strings("types"), options.type))
      bad(level, "type", options.type);
    if (!options.user.empty()) bad(level, "user", options.user);
    if (!options.role.empty()) bad(level, "role", options.role);
  });
}

std::string path_of(const Level& level, std::string_view field) {
  return level.at(fmt::format("/securityContext/seLinuxOptions/{}", field));
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  each_bad(pod, params, [&](const Level& level, std::string_view field, const std::string& value) {
    out.push_back({path_of(level, field),
                   fmt::format("{} sets the SELinux {} \"{}\"", level.who(), field, value)});
  });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  each_bad(pod, params, [&](const Level& level, std::string_view field, const std::string&) {
    out.push_back({path_of(level, field), {}});
  });
}

std::string cel(const Params& params, const CelNames& in) {
  std::vector<std::string> types(params.strings("types").begin(), params.strings("types").end());
  types.emplace_back();
  const auto one_of = [](std::string_view field, std::span<const std::string> values) {
    return fmt::format("(!has(c.seLinuxOptions.{0}) || c.seLinuxOptions.{0} in {1})", field,
                       cel_list(values));
  };
  const std::string none[] = {""};
  return cel_each_level(
      in, fmt::format("!has(c.seLinuxOptions) || {} && {} && {}", one_of("type", types),
                      one_of("user", none), one_of("role", none)));
}

}  // namespace

extern constinit const Check selinux{
    .id = "selinux",
    .title = "SELinux labels stay those of a container",
    .rationale =
        "Another type, user or role can take a container out of the confinement that keeps "
        "it from the node's files and from other containers.",
    .remedy = "Remove type, user and role from seLinuxOptions, or use one of the container types.",
    .severity = Severity::High,
    .references = kReferences,
    .params = kParams,
    .example = R"(securityContext:
  seLinuxOptions:
    type: container_t
)",
    .counterexample = R"(securityContext:
  seLinuxOptions:
    type: spc_t
)",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
