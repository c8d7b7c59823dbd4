#include "codec/pod_list.h"

#include <simdjson.h>

#include "codec/decoder.h"
#include "codec/pod.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

struct Owner {
  std::string kind, name;
  bool controller = false;
};

struct Item : ListedPod {
  Owner owner;
  std::string hash;  // of the pod template, as a Deployment's ReplicaSet says it
  std::string phase;
};

constexpr Field<Owner> kOwner[] = {{"kind", plain<&Owner::kind>::read},
                                   {"name", plain<&Owner::name>::read},
                                   {"controller", plain<&Owner::controller>::read}};

constexpr Field<Item> kMetadata[] = {{"name", plain<&ListedPod::name>::read},
                                     {"labels",
                                      [](Decoder& d, Json v, Item& out) {
                                        d.members(v, [&](std::string_view key, Json value) {
                                          if (key == "pod-template-hash") d.read(value, out.hash);
                                        });
                                      }},
                                     {"ownerReferences", [](Decoder& d, Json v, Item& out) {
                                        d.array(v, sizeof(Owner), [&](Json element, std::size_t) {
                                          Owner owner;
                                          d.object(element, kOwner, owner);
                                          if (owner.controller) out.owner = std::move(owner);
                                        });
                                      }}};

constexpr Field<Item> kStatus[] = {{"phase", plain<&Item::phase>::read}};

constexpr Field<Item> kItem[] = {
    {"metadata", [](Decoder& d, Json v, Item& out) { d.object(v, kMetadata, out); }},
    {"status", [](Decoder& d, Json v, Item& out) { d.object(v, kStatus, out); }}};

ListedPod read_item(Json value) {
  Item item;
  Decoder(std::string_view{}, item.faults).object(value, kItem, item);
  for (Pod& pod : decode_pods(value, "", places_in("", "Pod", {}), Origin::ApiServer, item.faults))
    item.pod = std::move(pod);
  item.ended = item.phase == "Succeeded" || item.phase == "Failed";
  item.owner_kind = item.owner.kind;
  item.owner_name = item.owner.name;
  const std::string suffix = "-" + item.hash;
  if (item.owner.name.empty()) {
    item.owner_kind = "Pod";
    item.owner_name = item.name;
  } else if (item.owner_kind == "ReplicaSet" && !item.hash.empty() &&
             item.owner_name.ends_with(suffix)) {
    item.owner_kind = "Deployment";
    item.owner_name.resize(item.owner_name.size() - suffix.size());
  }
  return item;
}

}  // namespace

Result<PodList> read_pod_list(std::string_view body) {
  simdjson::dom::parser parser;
  Json root;
  simdjson::dom::array items;
  Error error;
  error.field = "items";
  if (const auto problem = parser.parse(body.data(), body.size()).get(root)) {
    error.message = simdjson::error_message(problem);
    return error;
  }
  PodList page;
  Json list;
  if (root["items"].get(list) != simdjson::SUCCESS) {
    error.message = "is missing";
    return error;
  }
  std::string_view token;
  if (root["metadata"]["continue"].get(token) == simdjson::SUCCESS) page.continue_token = token;
  if (list.is_null()) return page;
  if (list.get(items) != simdjson::SUCCESS) {
    error.message = "is not an array";
    return error;
  }
  for (const Json item : items) page.pods.push_back(read_item(item));
  return page;
}

}  // namespace plimsoll::codec
