// Lists of pods, as an API server gives them.
//
// Thread-safety: stateless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

struct ListedPod {
  std::string name;
  /// What controls it, such as `Deployment` `web`; the pod itself when nothing does. The Deployment
  /// of a ReplicaSet is told by the hash that it puts into the name.
  std::string owner_kind, owner_name;
  bool ended = false;  ///< it has run to its end
  Pod pod;
  std::vector<Fault> faults;
};

struct PodList {
  std::vector<ListedPod> pods;
  std::string
      continue_token;  ///< metadata.continue: what to ask the next page with; empty: it ends
};

/// A page of a PodList, in its order. An error: it is not JSON, or no list.
Result<PodList> read_pod_list(std::string_view body);

}  // namespace plimsoll::codec
