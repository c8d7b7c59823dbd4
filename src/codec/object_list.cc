#include "codec/object_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

// As the API server takes them. Source: encoding/json, maxNestingDepth.
constexpr std::size_t kMostLevels = 10'000;

struct Owner : Controller {
  bool controller = false;
};

struct Item : ListedObject {
  std::string phase;
};

constexpr Field<Owner> kOwner[] = {{"apiVersion", plain<&Controller::api_version>::read},
                                   {"kind", plain<&Controller::kind>::read},
                                   {"name", plain<&Controller::name>::read},
                                   {"uid", plain<&Controller::uid>::read},
                                   {"controller", plain<&Owner::controller>::read}};

constexpr Field<Item> kMetadata[] = {{"name", plain<&ListedObject::name>::read},
                                     {"namespace", plain<&ListedObject::namespace_name>::read},
                                     {"uid", plain<&ListedObject::uid>::read},
                                     {"labels",
                                      [](Decoder& d, Json v, Item& out) {
                                        d.members(v, [&](std::string_view key, Json value) {
                                          if (key == "pod-template-hash")
                                            d.read(value, out.template_hash);
                                        });
                                      }},
                                     {"ownerReferences", [](Decoder& d, Json v, Item& out) {
                                        d.array(v, sizeof(Owner), [&](Json element, std::size_t) {
                                          Owner owner;
                                          d.object(element, kOwner, owner);
                                          if (owner.controller) out.controller = std::move(owner);
                                        });
                                      }}};

constexpr Field<Item> kStatus[] = {{"phase", [](Decoder& d, Json v, Item& out) {
                                      // Of other kinds than pods it may be anything.
                                      if (v.is_string()) d.read(v, out.phase);
                                    }}};

constexpr Field<Item> kItem[] = {
    {"metadata", [](Decoder& d, Json v, Item& out) { d.object(v, kMetadata, out); }},
    {"status", [](Decoder& d, Json v, Item& out) {
       if (v.is_object()) d.object(v, kStatus, out);
     }}};

/// What a list's element is called, as JSON; empty: by its index.
std::string called(Json element) {
  if (Json name; element.is_object()) {
    if (element.at_key("name").get(name) != simdjson::SUCCESS) return {};
    element = name;
  }
  return element.is_array() || element.is_object() ? std::string() : simdjson::minify(element);
}

bool is_index(std::string_view token) {
  return !token.empty() && token.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<ListHead> ObjectListReader::read(
    std::string& page, const std::function<void(const ListedObject& object)>& each) {
  Error error;
  Json root;
  page.reserve(page.size() + simdjson::SIMDJSON_PADDING);
  if (parser_.max_depth() < kMostLevels)
    if (const auto problem = parser_.allocate(page.size(), kMostLevels)) {
      error.message = simdjson::error_message(problem);
      return error;
    }
  if (const auto problem = parser_.parse(page.data(), page.size(), false).get(root)) {
    error.message = simdjson::error_message(problem);
    return error;
  }
  error.field = "items";
  Json list;
  if (root["items"].get(list) != simdjson::SUCCESS) {
    error.message = "is missing";
    return error;
  }
  ListHead head;
  std::string_view token;
  if (root["metadata"]["continue"].get(token) == simdjson::SUCCESS) head.continue_token = token;
  std::uint64_t remaining = 0;
  if (root["metadata"]["remainingItemCount"].get(remaining) == simdjson::SUCCESS)
    head.remaining = remaining;
  if (list.is_null()) return head;
  simdjson::dom::array items;
  if (list.get(items) != simdjson::SUCCESS) {
    error.message = "is not an array";
    return error;
  }
  for (const Json value : items) {
    Item item;
    Decoder(std::string_view{}, item.faults).object(value, kItem, item);
    item.ended = item.phase == "Succeeded" || item.phase == "Failed";
    item.json = value;
    ++head.items;
    each(item);
  }
  return head;
}

std::optional<std::string> deployment_of(const ListedObject& pod) {
  if (!pod.controller || pod.controller->kind != "ReplicaSet" ||
      !pod.controller->api_version.starts_with("apps/") || pod.template_hash.empty())
    return std::nullopt;
  const std::string suffix = "-" + pod.template_hash;
  const std::string& name = pod.controller->name;
  if (!name.ends_with(suffix) || name.size() == suffix.size()) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

std::string place_of(Json object, std::string_view pointer) {
  std::string place;
  std::optional<Json> at = object;
  for (std::size_t begin = 0; begin < pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', begin + 1), pointer.size());
    const auto token = pointer.substr(begin + 1, end - begin - 1);
    const auto step = pointer.substr(begin, end - begin);
    Json next;
    if (at && at->at_pointer(step).get(next) == simdjson::SUCCESS)
      at = next;
    else
      at.reset();
    if (is_index(token)) {
      const std::string name = at ? called(*at) : std::string();
      place += fmt::format("[{}]", name.empty() ? token : name);
    } else {
      place += fmt::format("{}{}", place.empty() ? "" : ".", token);
    }
    begin = end;
  }
  return place;
}

}  // namespace plimsoll::codec
