#include "codec/manifest.h"

#include <fmt/format.h>

#include "codec/decoder.h"
#include "codec/pod.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

constexpr Field<Manifest> kMetadata[] = {{"name", plain<&Manifest::name>::read},
                                         {"namespace", plain<&Manifest::namespace_name>::read}};

constexpr Field<Manifest> kHead[] = {
    {"metadata", [](Decoder& d, Json v, Manifest& out) { d.object(v, kMetadata, out); }}};

/// What an object says that it is.
struct Type {
  std::string_view api_version, kind;
};

std::string_view text_of(Json object, std::string_view member) {
  std::string_view text;
  return object.at_key(member).get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// As kubectl: an item that lacks either of the two is what its list says.
Type type_of(Json object, const Type& of_list) {
  const Type own{text_of(object, "apiVersion"), text_of(object, "kind")};
  return own.api_version.empty() || own.kind.empty() ? of_list : own;
}

Type of_items(Type list) {
  constexpr std::string_view kSuffix = "List";
  if (list.kind.ends_with(kSuffix)) list.kind.remove_suffix(kSuffix.size());
  return list;
}

constexpr std::string_view kHowToName = "; if it has one, say where with --pod-templates";

/// Whether a group is of custom resources: Kubernetes' own have no dot or end in `.k8s.io`.
bool is_custom(std::string_view group) {
  return group.find('.') != std::string_view::npos && !group.ends_with(".k8s.io");
}

// Goes as deep as the lists of the document, which the reader of YAML bounds.
// Source: k8s.io/apimachinery pkg/apis/meta/v1/unstructured helpers.go, unstructuredJSONScheme.
void add(Json object, const std::string& path, const Type& of_list, const PodPlaces& custom,
         std::vector<Manifest>& out) {
  Manifest manifest;
  manifest.path = path;
  const Type type = type_of(object, of_list);
  if (type.api_version.empty() || type.kind.empty()) {
    manifest.skipped = "it is no Kubernetes object: apiVersion or kind is missing";
    out.push_back(std::move(manifest));
    return;
  }
  manifest.api_version = type.api_version;
  manifest.kind = type.kind;
  Decoder decoder(path, manifest.faults);
  decoder.object(object, kHead, manifest);

  const auto slash = type.api_version.find('/');
  const auto group = type.api_version.substr(0, slash == std::string_view::npos ? 0 : slash);
  const auto places = places_in(group, type.kind, custom);
  // To kubectl whatever has items is a list, whatever its kind. Nobody else need agree with it, so
  // a pod that has items is judged as well.
  Json items;
  if (object.at_key("items").get(items) == simdjson::SUCCESS &&
      (items.is_array() || type.kind.ends_with("List"))) {
    decoder.below("items", [&] {
      decoder.array(items, sizeof(Manifest), [&](Json item, std::size_t) {
        add(item, decoder.path(), of_items(type), custom, out);
      });
    });
    // A custom resource may have a field of that name.
    const bool list = type.kind.ends_with("List") || simdjson::dom::array(items).size() > 0;
    if (list && places.empty() && manifest.faults.empty()) return;
  }
  if (manifest.faults.empty()) {
    manifest.pods = decode_pods(object, path, places, Origin::Manifest, manifest.faults);
    if (places.empty())
      manifest.skipped = fmt::format("no pod template is known in {} of {}{}", manifest.kind,
                                     manifest.api_version, is_custom(group) ? kHowToName : "");
    else if (manifest.pods.empty() && manifest.faults.empty())
      manifest.skipped = "it has no pod template";
  }
  out.push_back(std::move(manifest));
}

}  // namespace

std::vector<Manifest> manifests_of(const text::YamlDocument& document, const PodPlaces& custom) {
  std::vector<Manifest> all;
  simdjson::dom::parser parser;
  add(parser.parse(document.json()).value(), "", {}, custom, all);
  return all;
}

}  // namespace plimsoll::codec
