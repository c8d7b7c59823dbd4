// What an API server serves.
//
// Thread-safety: stateless.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/collection.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

/// A resource whose objects can be listed.
struct ServedResource {
  std::string group, version, resource, kind;
  bool namespaced = true;
  bool operator==(const ServedResource&) const = default;
};

struct Served {
  /// Of the groups that are wanted, each kind once, in the version that its group prefers of those
  /// that have it; sorted by group and kind. Subresources and what cannot be listed are left out.
  std::vector<ServedResource> resources;
  /// What of these could not be read: a line for people each.
  std::vector<std::string> missing;
};

/// Asks in one request what all groups have, and where the server knows none such (before 1.26),
/// group by group those that are wanted. An error: it could not be read at all.
Result<Served> discover(CollectionReader& reader,
                        const std::function<bool(std::string_view group)>& wanted);

}  // namespace plimsoll::kube
