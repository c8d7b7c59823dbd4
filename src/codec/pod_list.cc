#include "codec/pod_list.h"

#include <utility>

#include "codec/object_list.h"
#include "codec/pod.h"

namespace plimsoll::codec {
namespace {

ListedPod pod_of(const ListedObject& object) {
  ListedPod out;
  out.name = object.name;
  out.ended = object.ended;
  out.faults = object.faults;
  for (Pod& pod :
       decode_pods(object.json, "", places_in("", "Pod", {}), Origin::ApiServer, out.faults))
    out.pod = std::move(pod);
  out.owner_kind = "Pod";
  out.owner_name = object.name;
  if (!object.controller || object.controller->name.empty()) return out;
  out.owner_kind = object.controller->kind;
  out.owner_name = object.controller->name;
  if (const auto deployment = deployment_of(object)) {
    out.owner_kind = "Deployment";
    out.owner_name = *deployment;
  }
  return out;
}

}  // namespace

Result<PodList> read_pod_list(std::string_view body) {
  PodList page;
  std::string text(body);
  auto head = ObjectListReader().read(
      text, [&](const ListedObject& object) { page.pods.push_back(pod_of(object)); });
  if (!head) return head.error();
  page.continue_token = std::move(head->continue_token);
  return page;
}

}  // namespace plimsoll::codec
