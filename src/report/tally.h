// The items of a benchmark over all the resources that went through it.
//
// Ownership: owns its text. Thread-safety: one a thread.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/report.h"

namespace plimsoll::report {

struct TalliedItem {
  struct Place {
    std::string detail;
    std::vector<std::string> resources;  ///< their names, and the kind where that is not Container
  };
  Reference reference;
  std::string_view title, remedy;  ///< a remedy: something is to be done
  /// The worst of all resources: WARN, then NOTE, INFO, PASS.
  ItemStatus status = ItemStatus::Pass;
  std::array<std::size_t, 4> counts{};  ///< of resources, by ItemStatus
  std::vector<Place> places;            ///< where it comes to that status, unless that is PASS

  /// The resources of all places.
  [[nodiscard]] std::size_t count() const { return counts[static_cast<std::size_t>(status)]; }
};

class Tally {
 public:
  void add(const Resource& resource);
  /// By their numbers.
  [[nodiscard]] std::vector<TalliedItem> items() const;

 private:
  std::map<std::pair<std::string_view, std::vector<std::size_t>>, TalliedItem> items_;
};

}  // namespace plimsoll::report
