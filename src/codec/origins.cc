#include "codec/origins.h"

#include <utility>
#include <vector>

#include "codec/decoder.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

struct Owner {
  std::string kind, name;
  bool controller = false;
};
constexpr Field<Owner> kOwner[] = {{"kind", plain<&Owner::kind>::read},
                                   {"name", plain<&Owner::name>::read},
                                   {"controller", plain<&Owner::controller>::read}};

struct Named : Origins {
  std::string generate_name, hash;
};

constexpr Field<Named> kMetadata[] = {{"name", plain<&Origins::name>::read},
                                      {"generateName", plain<&Named::generate_name>::read},
                                      {"labels",
                                       [](Decoder& d, Json v, Named& out) {
                                         d.members(v, [&](std::string_view key, Json value) {
                                           if (key == "pod-template-hash") d.read(value, out.hash);
                                         });
                                       }},
                                      {"ownerReferences", [](Decoder& d, Json v, Named& out) {
                                         d.array(v, sizeof(Owner), [&](Json element, std::size_t) {
                                           Owner owner;
                                           d.object(element, kOwner, owner);
                                           if (!owner.controller) return;
                                           out.owner_kind = std::move(owner.kind);
                                           out.owner_name = std::move(owner.name);
                                         });
                                       }}};

constexpr Field<Named> kObject[] = {
    {"apiVersion", plain<&Origins::api_version>::read},
    {"kind", plain<&Origins::kind>::read},
    {"metadata", [](Decoder& d, Json v, Named& out) { d.object(v, kMetadata, out); }}};

/// Takes `-HASH` off the end; false: it does not end so.
bool take_hash(std::string& name, const std::string& hash) {
  const std::string suffix = "-" + hash;
  if (hash.empty() || !name.ends_with(suffix) || name.size() == suffix.size()) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

/// Takes off the minutes since 1970 that a CronJob puts behind the names of its Jobs. Source:
/// kubernetes pkg/controller/cronjob/utils.go, getJobName.
void take_minutes(std::string& name) {
  const auto dash = name.rfind('-');
  if (dash == std::string::npos || dash == 0 || name.size() - dash < 9) return;
  if (name.find_first_not_of("0123456789", dash + 1) == std::string::npos) name.resize(dash);
}

}  // namespace

Origins origins_of(std::string_view object) {
  Named named;
  simdjson::dom::parser parser;
  Json root;
  if (parser.parse(object.data(), object.size()).get(root) != simdjson::SUCCESS) return {};
  std::vector<Fault> ignored;  // what cannot be read here was judged already
  Decoder("", ignored).object(root, kObject, named);
  if (named.owner_kind == "ReplicaSet" && take_hash(named.owner_name, named.hash))
    named.owner_kind = "Deployment";
  named.family = named.owner_name;
  if (named.owner_kind == "Job") take_minutes(named.family);
  if (named.family.empty() && !named.generate_name.empty()) {
    named.family = named.generate_name;
    while (named.family.ends_with('-')) named.family.pop_back();
  }
  if (named.family.empty()) named.family = named.name;
  return std::move(static_cast<Origins&>(named));
}

}  // namespace plimsoll::codec
