#include "codec/namespace_labels.h"

#include <utility>

#include "codec/decoder.h"
#include "text/yaml.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

constexpr Field<NamespaceLabels> kSpaceMetadata[] = {
    {"name", plain<&NamespaceLabels::name>::read},
    {"labels", [](Decoder& d, Json v, NamespaceLabels& out) {
       d.members(v, [&](std::string_view key, Json value) {
         d.read(value, out.labels[std::string(key)]);
       });
     }}};
constexpr Field<NamespaceLabels> kSpace[] = {
    {"metadata",
     [](Decoder& d, Json v, NamespaceLabels& out) { d.object(v, kSpaceMetadata, out); }}};

}  // namespace

Result<std::vector<NamespaceLabels>> read_namespaces(std::string_view text,
                                                     const std::string& file) {
  std::vector<NamespaceLabels> all;
  std::vector<Fault> faults;
  const auto wrong = [&](std::string field, std::string message) {
    Error error;
    error.message = std::move(message);
    error.remedy = "give what `kubectl get namespaces -o yaml` writes";
    error.file = file;
    error.field = std::move(field);
    return error;
  };
  text::YamlReader reader(text, file);
  for (;;) {
    auto document = reader.next();
    if (!document) return document.error();
    if (!*document) break;
    if ((*document)->empty()) continue;
    simdjson::dom::parser parser;
    const Json root = parser.parse((*document)->json()).value();
    Json items;
    const auto add = [&](Decoder& d, Json one) {
      NamespaceLabels& read = all.emplace_back();
      d.object(one, kSpace, read);
      if (read.name.empty() && d.faults().empty()) d.fault("has no metadata.name");
    };
    Decoder decoder("", faults);
    if (root.is_object() && root["items"].get(items) == simdjson::SUCCESS)
      decoder.below("items", [&] {
        decoder.array(items, sizeof(NamespaceLabels),
                      [&](Json one, std::size_t) { add(decoder, one); });
      });
    else
      add(decoder, root);
    if (!faults.empty()) return wrong(faults.front().path, faults.front().message);
  }
  if (all.empty()) return wrong("", "holds no namespace");
  return all;
}

}  // namespace plimsoll::codec
