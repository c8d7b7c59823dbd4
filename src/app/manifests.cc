#include "app/manifests.h"

#include <algorithm>
#include <utility>

namespace plimsoll::app {
namespace {

JudgedObject judge(codec::Manifest manifest, const Template& policy, std::vector<Ignore>& ignores) {
  JudgedObject object{std::move(manifest), {}, {}};
  if (!object.manifest.skipped.empty()) return object;
  auto violations = violations_of(object.manifest.pods, object.manifest.faults, policy);
  // Past so many not all rules are looked at: nothing can be accepted then.
  if (violations.size() >= kMaxViolations) {
    object.violations = std::move(violations);
    return object;
  }
  for (Violation& violation : violations) {
    const auto at = std::ranges::find_if(ignores, [&](const Ignore& ignore) {
      return std::ranges::find(ignore.checks, violation.check) != ignore.checks.end() &&
             ignore.covers(violation.finding.path);
    });
    if (at == ignores.end()) {
      object.violations.push_back(std::move(violation));
      continue;
    }
    at->used = true;
    object.accepted.push_back({std::move(violation), {Acceptance::By::Ignore, at->reason}});
  }
  // A place that is one step off looks like a pod that asks for nothing.
  const codec::Manifest& of = object.manifest;
  if (object.violations.empty() && object.accepted.empty() && is_custom(of) &&
      std::ranges::all_of(of.pods, [](const Pod& pod) { return pod.containers.empty(); }))
    object.manifest.skipped = "no container is found where its pods should be";
  return object;
}

}  // namespace

bool is_custom(const codec::Manifest& manifest) {
  const std::string_view api = manifest.api_version;
  const auto group = api.substr(0, api.find('/') == api.npos ? 0 : api.find('/'));
  return places_in(group, manifest.kind, PodPlaces{}).empty();
}

std::optional<Result<JudgedDocument>> ManifestReader::next() {
  for (;;) {
    auto read = reader_.next();
    if (!read) {
      Error error = read.error();
      if (text().find("{{") != std::string_view::npos)
        error.remedy = "render the chart first: `helm template CHART | plimsoll check -`";
      return error;
    }
    if (!*read) return std::nullopt;
    JudgedDocument judged{*std::move(*read), {}, {}, {}};
    const std::size_t from = std::exchange(behind_, judged.document.end.offset);
    if (judged.document.empty()) continue;
    auto ignores = ignores_of(text(), from, judged.document);
    judged.ignores = std::move(ignores.all);
    for (Error& error : ignores.errors) {
      error.file = file_;
      judged.errors.push_back(std::move(error));
    }
    for (codec::Manifest& manifest : codec::manifests_of(judged.document, places_))
      judged.objects.push_back(judge(std::move(manifest), policy_, judged.ignores));
    return judged;
  }
}

}  // namespace plimsoll::app
