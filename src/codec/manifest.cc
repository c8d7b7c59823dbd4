#include "codec/manifest.h"

#include <fmt/format.h>

#include "codec/decoder.h"
#include "codec/pod.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

struct Head : Manifest {
  std::optional<Json> items;
};

constexpr Field<Head> kMetadata[] = {{"name", plain<&Manifest::name>::read},
                                     {"namespace", plain<&Manifest::namespace_name>::read}};

constexpr Field<Head> kHead[] = {
    {"apiVersion", plain<&Manifest::api_version>::read},
    {"kind", plain<&Manifest::kind>::read},
    {"metadata", [](Decoder& d, Json v, Head& out) { d.object(v, kMetadata, out); }},
    {"items", [](Decoder&, Json v, Head& out) { out.items = v; }}};

void add(Json object, const std::string& path, bool inside_list, std::vector<Manifest>& out) {
  Head head;
  head.path = path;
  Decoder decoder(path, head.faults);
  decoder.object(object, kHead, head);
  const auto slash = head.api_version.find('/');
  const std::string_view version = head.api_version;
  const std::string_view group = slash == std::string::npos ? "" : version.substr(0, slash);

  if (!inside_list && head.items && head.kind.ends_with("List") && head.faults.empty()) {
    // A Decoder of its own: the path of an item is needed for what the item holds.
    decoder.below("items", [&] {
      decoder.array(*head.items, sizeof(Manifest),
                    [&](Json item, std::size_t) { add(item, decoder.path(), true, out); });
    });
    if (head.faults.empty()) return;
  }
  if (head.faults.empty()) {
    if (const auto at = template_path(group, head.kind)) {
      head.pod = decode_pod_in(object, path, *at, Origin::Manifest, head.faults);
      if (!head.pod && head.faults.empty()) head.skipped = "it has no pod template";
    } else if (head.kind.empty() || head.api_version.empty()) {
      head.skipped = "it is no Kubernetes object: apiVersion or kind is missing";
    } else {
      head.skipped =
          fmt::format("no pod template is known in {} of {}", head.kind, head.api_version);
    }
  }
  out.push_back(std::move(static_cast<Manifest&>(head)));
}

}  // namespace

std::vector<Manifest> manifests_of(const YamlDocument& document) {
  std::vector<Manifest> all;
  simdjson::dom::parser parser;
  add(parser.parse(document.json()).value(), "", false, all);
  return all;
}

}  // namespace plimsoll::codec
