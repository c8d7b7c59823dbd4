#include "app/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/words.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

using report::plural;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostNames = 4;  // of workloads in a line

/// What each check stands for, the one first that keeps most from passing.
struct Reason {
  const Check* check;
  std::vector<const Obstacle*> obstacles;
};
std::vector<Reason> reasons_of(const Advice& advice) {
  std::map<std::string_view, Reason> by_check;
  for (const Obstacle& obstacle : advice.obstacles)
    for (const Check* check : obstacle.checks) {
      Reason& reason = by_check.try_emplace(check->id, Reason{check, {}}).first->second;
      reason.obstacles.push_back(&obstacle);
    }
  std::vector<Reason> reasons;
  for (auto& [id, reason] : by_check) reasons.push_back(std::move(reason));
  std::ranges::stable_sort(reasons, std::ranges::greater(),
                           [](const Reason& reason) { return reason.obstacles.size(); });
  return reasons;
}

std::string names_of(const std::vector<const Obstacle*>& obstacles) {
  std::string names;
  for (std::size_t i = 0; i < std::min(obstacles.size(), kMostNames); ++i)
    names += fmt::format("{}{} {}", i == 0 ? "" : ", ", verdict::printable(obstacles[i]->kind),
                         verdict::printable(obstacles[i]->name));
  if (obstacles.size() > kMostNames)
    names += fmt::format(" and {} more", obstacles.size() - kMostNames);
  return names;
}

void write_enforced(const Advice& advice, const Palette& c, std::string& out) {
  if (advice.enforced.empty()) return;
  out += fmt::format("  {}enforced{}  {}", c.dim, c.plain, advice.enforced);
  if (advice.refused > 0)
    out += fmt::format(", {}which {} {} not meet{}: what runs goes on, and would not start again",
                       c.red, plural(advice.refused, "workload"),
                       advice.refused == 1 ? "does" : "do", c.plain);
  out += '\n';
}

void write_obstacles(const Advice& advice, const Palette& c, std::string& out) {
  if (advice.next.empty()) return;
  out += fmt::format("  {}next{}      {}: {} {} in the way\n", c.dim, c.plain, advice.next,
                     plural(advice.obstacles.size(), "workload"),
                     advice.obstacles.size() == 1 ? "stands" : "stand");
  const auto reasons = reasons_of(advice);
  std::size_t width = 0;
  for (const Reason& reason : reasons) width = std::max(width, reason.check->id.size());
  for (const Reason& reason : reasons)
    out += fmt::format("            {}{:<{}}{} {:>4}  {}\n", c.yellow, reason.check->id, width,
                       c.plain, reason.obstacles.size(), names_of(reason.obstacles));
}

std::string text_of(const Advice& advice, const Palette& c) {
  std::string held = advice.workloads == 0
                         ? "nothing runs in it"
                         : fmt::format("{}, {}", plural(advice.workloads, "workload"),
                                       plural(advice.pods, "running pod"));
  if (advice.exempt > 0) held += fmt::format("; {} exempt", advice.exempt);
  std::string out =
      fmt::format("{}{}{}  {}{}{}\n", c.bold, verdict::printable(advice.namespace_name), c.plain,
                  c.dim, held, c.plain);
  write_enforced(advice, c, out);
  if (!advice.unknown.empty())
    return out +
           fmt::format("  {}no advice{} {}\n", c.red, c.plain, verdict::printable(advice.unknown));
  out += fmt::format("  {}meets{}     {}{}{}\n", c.dim, c.plain, c.green, advice.meets, c.plain);
  write_obstacles(advice, c, out);
  if (advice.system)
    out += fmt::format("  {}label{}     none: it is the cluster's own; leave it exempt\n", c.dim,
                       c.plain);
  else if (!advice.unlabelled.empty())
    out += fmt::format("  {}label{}     none: {}\n", c.dim, c.plain,
                       verdict::printable(advice.unlabelled));
  else if (!advice.command.empty())
    out += fmt::format("  {}label{}     {}{}{}\n", c.dim, c.plain, c.cyan, advice.command, c.plain);
  return out;
}

Json json_of(const Advice& advice) {
  Json checks = Json::array(), obstacles = Json::array();
  for (const Reason& reason : reasons_of(advice))
    checks.push_back(Json{{"check", reason.check->id}, {"workloads", reason.obstacles.size()}});
  for (const Obstacle& obstacle : advice.obstacles) {
    Json ids = Json::array();
    for (const Check* check : obstacle.checks) ids.push_back(check->id);
    obstacles.push_back(
        Json{{"kind", obstacle.kind}, {"name", obstacle.name}, {"checks", std::move(ids)}});
  }
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"namespace", advice.namespace_name},
          {"system", advice.system},
          {"workloads", advice.workloads},
          {"pods", advice.pods},
          {"exempt", advice.exempt},
          {"enforced", or_null(advice.enforced)},
          {"refused", advice.refused},
          {"unknown", or_null(advice.unknown)},
          {"meets", or_null(advice.meets)},
          {"next", or_null(advice.next)},
          {"checks", std::move(checks)},
          {"obstacles", std::move(obstacles)},
          {"command", or_null(advice.command)},
          {"unlabelled", or_null(advice.unlabelled)}};
}

}  // namespace

std::string advice_text(std::span<const Advice> all, std::span<const std::string> missing,
                        const Palette& c) {
  std::string out;
  std::map<std::string, std::size_t> meet;
  std::size_t more = 0;
  for (const Advice& advice : all) {
    out += text_of(advice, c) + '\n';
    if (!advice.meets.empty()) ++meet[advice.meets];
    if (!advice.command.empty() || !advice.unlabelled.empty()) ++more;
  }
  for (const std::string& line : missing)
    out += fmt::format("{}not seen{} {}\n", c.red, c.plain, verdict::printable(line));
  std::vector<std::string> counts;
  for (const auto& [ref, count] : meet) counts.push_back(fmt::format("{} at {}", count, ref));
  out += fmt::format("{}{}{}; {} can be held to more than today\n", plural(all.size(), "namespace"),
                     counts.empty() ? "" : ": ", fmt::join(counts, ", "), more);
  return out;
}

std::string advice_json(std::span<const Advice> all, std::span<const std::string> missing,
                        const std::string& subject, const std::string& time) {
  Json namespaces = Json::array();
  for (const Advice& advice : all) namespaces.push_back(json_of(advice));
  const Json json{{"schemaVersion", 1},
                  {"subject", subject},
                  {"time", time},
                  {"namespaces", std::move(namespaces)},
                  {"missing", missing}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plimsoll::app
