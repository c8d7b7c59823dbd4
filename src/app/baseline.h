// The baseline: a file of findings that are known, so that only new ones count.
//
// A finding is known by its file, its resource, its check and its place, in which elements of lists
// stand by their names: it stays known wherever it moves in the file. One of the pod's level that
// is about some of its containers has an entry for each. Files are named as seen from the
// baseline's folder.
// Ownership: owns what it has read. Thread-safety: one a thread.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/report.h"
#include "plimsoll/result.h"

namespace plimsoll::app {

class Baseline {
 public:
  /// An empty one that will be, or is, at `path`.
  explicit Baseline(std::string path);

  /// The one at `path`; errors name the file and, of ill-formed JSON, line and column.
  static Result<Baseline> read(const std::string& path);

  /// Tells that a file was read to its end, so that what is not found in it is gone.
  void has_read(const std::string& file) { read_.insert(seen_from_here(file)); }

  /// Moves the findings that are known, by all their entries, to `resource.accepted`, each entry as
  /// often as it counts.
  void accept(Resource& resource);

  /// Adds what the resource's findings are.
  void add(const Resource& resource);

  /// Entries that nothing was found for, although their file was read or is gone; a line each.
  [[nodiscard]] std::vector<std::string> stale() const;

  /// How many findings were added.
  [[nodiscard]] std::size_t added() const { return added_; }

  /// As JSON, sorted. `template_ref`: what the findings were found by, for people.
  [[nodiscard]] std::string to_json(std::string_view template_ref) const;

 private:
  struct Entry {
    std::string file, kind, namespace_name, name, check, place;
    auto operator<=>(const Entry&) const = default;
  };

  [[nodiscard]] std::string seen_from_here(const std::string& file) const;
  [[nodiscard]] std::vector<Entry> entries_of(const Resource& resource,
                                              const ReportedFinding& finding) const;

  std::string path_, folder_;
  std::map<Entry, std::size_t> known_;  ///< how many of each are left
  std::set<std::string> read_;          ///< files, as entries name them
  std::size_t added_ = 0;
};

}  // namespace plimsoll::app
