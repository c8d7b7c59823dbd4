// Lists of objects that hold pods, as an API server gives them.
//
// Thread-safety: a reader is for one thread; it keeps its buffers from one page to the next.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/decoder.h"
#include "plimsoll/result.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

/// What controls an object. Source: k8s.io/apimachinery pkg/apis/meta/v1, OwnerReference.
struct Controller {
  std::string api_version, kind, name, uid;
};

struct ListedObject {
  std::string namespace_name, name, uid;
  std::optional<Controller> controller;
  std::string template_hash;  ///< that a Deployment has given its ReplicaSet, and that its pods
  bool ended = false;         ///< a pod that has run to its end
  std::vector<Fault> faults;  ///< of these fields
  Json json;                  ///< all of it; until the next page is read
};

struct ListHead {
  std::string continue_token;   ///< metadata.continue: what to ask the next page with
  std::uint64_t items = 0;      ///< in this page
  std::uint64_t remaining = 0;  ///< metadata.remainingItemCount
};

class ObjectListReader {
 public:
  /// Calls `each` with the items of a page, in their order. `page` is only read, but may be given
  /// room. An error: it is not JSON, or no list.
  Result<ListHead> read(std::string& page,
                        const std::function<void(const ListedObject& object)>& each);

 private:
  simdjson::dom::parser parser_;
};

/// The Deployment whose ReplicaSet controls the pod, told by the hash that it puts into the name;
/// nothing: there is none.
std::optional<std::string> deployment_of(const ListedObject& pod);

/// `spec.containers["app"].image`: a JSON pointer with elements of lists by their names, or by what
/// they say, so that it stays the same when others come before them.
std::string place_of(Json object, std::string_view pointer);

}  // namespace plimsoll::codec
