#include <ranges>

#include "checks/common.h"

namespace plimsoll::checks {
namespace {

constexpr Reference kReferences[] = {
    {kCisKubernetes, "5.2.7, 5.7.3"},
    {kCisDocker, "4.1"},
    {kNsa, "\"Non-root\" containers and \"rootless\" container engines"}};
constexpr ParamSpec kParams[] = {
    {"runAsUser", "Ranges that runAsUser must be in where it is set.", ParamType::Ranges, true},
    {"runAsGroup", "Ranges that runAsGroup must be in where it is set.", ParamType::Ranges, true},
    {"fsGroup", "Ranges that fsGroup must be in where it is set.", ParamType::Ranges, true},
    {"supplementalGroups", "Ranges that every supplemental group must be in.", ParamType::Ranges,
     true}};

bool inside(std::int64_t id, std::span<const IdRange> ranges) {
  return ranges.empty() || std::ranges::any_of(ranges, [&](const IdRange& range) {
           return range.min <= id && id <= range.max;
         });
}

std::string to_string(std::span<const IdRange> ranges) {
  std::string text;
  for (const IdRange& range : ranges)
    text += fmt::format("{}{}-{}", text.empty() ? "" : ", ", range.min, range.max);
  return text;
}

// `bad(path, who, field, id, ranges)`
template <class Bad>
void each_bad(const Pod& pod, const Params& params, Bad bad) {
  const auto test = [&](const Level& level, std::string_view field, const auto& id) {
    const auto ranges = params.ranges(field);
    if (id && !inside(*id, ranges))
      bad(level.at(fmt::format("/securityContext/{}", field)), level.who(), field, *id, ranges);
  };
  each_level(pod, [&](const Level& level) {
    test(level, "runAsUser", level.context.run_as_user);
    test(level, "runAsGroup", level.context.run_as_group);
    if (level.container != nullptr) return;
    test(level, "fsGroup", pod.security_context.fs_group);
    const auto ranges = params.ranges("supplementalGroups");
    const auto& groups = pod.security_context.supplemental_groups;
    std::size_t found = 0;
    for (std::size_t i = 0; i < groups.size() && found < Findings::kMost; ++i)
      if (!inside(groups[i], ranges)) {
        ++found;
        bad(level.at(fmt::format("/securityContext/supplementalGroups/{}", i)), level.who(),
            "supplementalGroups", groups[i], ranges);
      }
  });
}

void evaluate(const Pod& pod, const Params& params, Findings& out) {
  each_bad(pod, params,
           [&](std::string path, const std::string& who, std::string_view field, std::int64_t id,
               std::span<const IdRange> ranges) {
             out.push_back({std::move(path), fmt::format("{} sets {} to {}, outside {}", who, field,
                                                         id, to_string(ranges))});
           });
}

void fix(const Pod& pod, const Params& params, Edits& out) {
  std::vector<std::string> paths;
  each_bad(pod, params, [&](std::string path, const auto&, auto, auto, auto) {
    paths.push_back(std::move(path));
  });
  // Of one list the higher index first, as Edit asks.
  for (std::string& path : std::views::reverse(paths)) out.push_back({std::move(path), {}});
}

std::string cel_inside(std::string_view id, std::span<const IdRange> ranges) {
  std::vector<std::string> any;
  for (const IdRange& range : ranges)
    any.push_back(fmt::format("{1} <= {0} && {0} <= {2}", id, range.min, range.max));
  return fmt::format("({})", fmt::join(any, " || "));
}

std::string cel(const Params& params, const CelNames& in) {
  std::vector<std::string> all;
  const auto add = [&](std::string_view field, const auto& expression) {
    if (const auto ranges = params.ranges(field); !ranges.empty())
      all.push_back(expression(ranges));
  };
  for (const std::string field : {"runAsUser", "runAsGroup"})
    add(field, [&](auto ranges) {
      return cel_each_level(
          in, fmt::format("!has(c.{0}) || {1}", field, cel_inside("c." + field, ranges)));
    });
  add("fsGroup", [&](auto ranges) {
    return fmt::format("(!has({0}.fsGroup) || {1})", in.context,
                       cel_inside(in.context + ".fsGroup", ranges));
  });
  add("supplementalGroups", [&](auto ranges) {
    return fmt::format("(!has({0}.supplementalGroups) || {0}.supplementalGroups.all(g, {1}))",
                       in.context, cel_inside("g", ranges));
  });
  return all.empty() ? "true" : fmt::format("{}", fmt::join(all, " && "));
}

}  // namespace

extern constinit const Check id_ranges{
    .id = "id-ranges",
    .title = "The user and group ids that a pod sets are in the allowed ranges",
    .rationale =
        "Id 0 is root, and an id that the node or another team uses owns their files on any "
        "volume that both can reach. An id that is left out is the image's own, which only the "
        "node sees: it passes here, and run-as-non-root keeps the user from being root.",
    .remedy =
        "Set the id to one in the range, or leave it out so that the image's own user counts.",
    .severity = Severity::Medium,
    .references = kReferences,
    .params = kParams,
    .example = R"(securityContext:
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  supplementalGroups: [10002]
)",
    .counterexample = R"(securityContext:
  runAsUser: 10001
  runAsGroup: 0
  fsGroup: 0
)",
    .risk =
        "The image's own user and groups count then, and may not own what is on the volumes "
        "already. Start it in a test namespace with a copy of the data, and read and write on each "
        "of its volumes.",
    .evaluate = evaluate,
    .fix = fix,
    .cel = cel,
};

}  // namespace plimsoll::checks
