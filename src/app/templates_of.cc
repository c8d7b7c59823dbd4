#include "app/templates_of.h"

#include <fmt/format.h>

#include <iterator>

#include "app/console.h"
#include "codec/files.h"
#include "codec/pod_templates.h"
#include "templates/builtin.h"

namespace plimsoll::app {

Result<templates::Library> load_library(std::span<const std::string> files) {
  std::vector<TemplateSpec> specs;
  const auto add = [&](std::string_view text, const std::string& file) -> Status {
    auto read = codec::read_templates(text, file);
    if (!read) return read.error();
    std::ranges::move(*read, std::back_inserter(specs));
    return {};
  };
  for (const auto& [name, text] : templates::builtin_files())
    if (auto error = add(text, std::string(name))) return *std::move(error);
  for (const std::string& file : files) {
    const auto text = read_file(file);
    if (!text) return text.error();
    if (auto error = add(*text, file)) return *std::move(error);
  }
  return templates::Library::make(std::move(specs));
}

Result<std::shared_ptr<const Template>> find_template(const templates::Library& library,
                                                      const std::string& ref) {
  Error error;
  const auto parsed = TemplateRef::parse(ref);
  if (!parsed) {
    error.message = fmt::format("\"{}\" is not a template reference", ref);
    error.remedy = "write NAME or NAME@VERSION, such as restricted@v1.31";
    return error;
  }
  if (auto found = library.find(*parsed)) return found;
  error.message = fmt::format("there is no template \"{}\"", parsed->name);
  error.remedy = fmt::format("use one of {}", fmt::join(library.names(), ", "));
  return error;
}

Result<PodPlaces> load_pod_places(std::span<const std::string> files) {
  PodPlaces places;
  const auto add = [&](std::string_view text, const std::string& file) -> Status {
    auto read = codec::read_pod_templates(text, file);
    if (!read) return read.error();
    for (auto& spec : *read) places.set(spec.group, spec.kind, std::move(spec.places));
    return {};
  };
  if (auto error = add(codec::builtin_pod_templates(), "builtin/pod_templates.yaml"))
    return *std::move(error);
  for (const std::string& file : files) {
    const auto text = read_file(file);
    if (!text) return text.error();
    if (auto error = add(*text, file)) return *std::move(error);
  }
  return places;
}

}  // namespace plimsoll::app
