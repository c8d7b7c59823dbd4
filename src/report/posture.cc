#include "report/posture.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace plimsoll::report {
namespace {

using Place = std::pair<std::string_view, std::string_view>;  // container and path

Place place_of(const ReportedFinding& finding) { return {finding.container, finding.path}; }

/// Where something critical was found. That has to go, and with it goes what else is found there.
std::set<Place> critical_places(const Resource& resource) {
  std::set<Place> places;
  for (const ReportedFinding& finding : resource.findings)
    if (finding.check->severity == Severity::Critical && !finding.path.empty())
      places.insert(place_of(finding));
  return places;
}

}  // namespace

void Posture::add(const Resource& resource) {
  if (resource.outcome != Outcome::Pass && resource.outcome != Outcome::Fail) return;
  NamespacePosture& posture = namespaces_[resource.namespace_name];
  ++posture.judged;
  if (resource.outcome == Outcome::Pass) ++posture.passed;
  if (resource.findings.empty()) return;
  Counts counts{};
  Checks checks;
  const auto critical = critical_places(resource);
  for (const ReportedFinding& finding : resource.findings) {
    ++counts[static_cast<std::size_t>(finding.check->severity)];
    if (finding.check->severity != Severity::Critical && critical.contains(place_of(finding)))
      continue;
    ++findings_[finding.check];
    checks.push_back(finding.check);
  }
  std::ranges::sort(checks, {}, &Check::id);
  checks.erase(std::ranges::unique(checks).begin(), checks.end());
  ++failed_[std::move(checks)];
  for (std::size_t i = 0; i < counts.size(); ++i) posture.findings[i] += counts[i];
  add_worst(resource, counts);
}

void Posture::add_worst(const Resource& resource, const Counts& findings) {
  const auto at =
      std::ranges::upper_bound(worst_, findings, std::ranges::greater(), &WorstResource::findings);
  if (at == worst_.end() && worst_.size() == kWorst) return;
  worst_.insert(at, {resource.kind, resource.namespace_name, resource.name, findings});
  if (worst_.size() > kWorst) worst_.pop_back();
}

std::vector<FirstStep> Posture::first_steps(std::size_t most) const {
  std::vector<FirstStep> steps;
  std::set<const Check*> mended;
  while (steps.size() < most) {
    std::map<std::string_view, FirstStep> candidates;  // by id, so that the order is stable
    for (const auto& [checks, count] : failed_) {
      const auto left = std::ranges::count_if(
          checks, [&](const Check* check) { return !mended.contains(check); });
      for (const Check* const check : checks) {
        if (mended.contains(check)) continue;
        FirstStep& step = candidates[check->id];
        step.check = check;
        step.findings = findings_.at(check);
        step.resources += count;
        if (left == 1) step.freed += count;
      }
    }
    if (candidates.empty()) break;
    const auto best = std::ranges::max_element(candidates, {}, [](const auto& candidate) {
      const FirstStep& step = candidate.second;
      const int gravity = -static_cast<int>(step.check->severity);
      return std::tuple(step.freed, gravity, step.resources, step.findings);
    });
    mended.insert(best->second.check);
    steps.push_back(best->second);
  }
  return steps;
}

}  // namespace plimsoll::report
