#include "report/tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "report/words.h"

namespace plimsoll::report {
namespace {

int gravity(ItemStatus status) {
  constexpr int kGravities[] = {0, 3, 1, 2};  // PASS, WARN, INFO, NOTE
  return kGravities[static_cast<std::size_t>(status)];
}

}  // namespace

void Tally::add(const Resource& resource) {
  for (const ReportedItem& item : resource.items) {
    auto& tallied = items_[{item.reference.standard, section_order(item.reference.section)}];
    tallied.reference = item.reference;
    tallied.title = item.title;
    ++tallied.counts[static_cast<std::size_t>(item.status)];
    if (item.status == ItemStatus::Warn && tallied.remedy.empty())
      for (const ReportedFinding& finding : resource.findings)
        for (const Reference& reference : finding.check->references)
          if (reference.section == item.reference.section) tallied.remedy = finding.check->remedy;
    if (gravity(item.status) > gravity(tallied.status)) {
      tallied.status = item.status;
      tallied.places.clear();
    }
    if (item.status != tallied.status || item.status == ItemStatus::Pass) continue;
    // Most say the same.
    auto at = std::ranges::find(tallied.places, item.detail, &TalliedItem::Place::detail);
    if (at == tallied.places.end())
      at = tallied.places.insert(at, {.detail = item.detail, .resources = {}});
    at->resources.push_back(resource.kind == "Container" ? resource.name : title_of(resource));
  }
}

std::vector<TalliedItem> Tally::items() const {
  std::vector<TalliedItem> all;
  for (const auto& [key, item] : items_) all.push_back(item);
  return all;
}

}  // namespace plimsoll::report
