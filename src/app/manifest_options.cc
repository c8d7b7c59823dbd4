#include "app/manifest_options.h"

#include <utility>

#include "app/templates_of.h"

namespace plimsoll::app {

void add_manifest_options(CLI::App& command, ManifestOptions& options) {
  command.add_option("path", options.paths, "Files, folders, or - for standard input")->required();
  command.add_option("-t,--template", options.policy, "Template: NAME or NAME@VERSION")
      ->capture_default_str();
  const auto repeatable = [&](const char* name, std::vector<std::string>& values,
                              const char* meaning) {
    command.add_option(name, values, meaning)->allow_extra_args(false);
  };
  repeatable("--templates", options.templates, "File with SecurityTemplates; repeatable");
  repeatable("--pod-templates", options.pod_templates,
             "File that says where custom resources hold pods; repeatable");
  repeatable("--exclude", options.exclude,
             "Leave out files and folders of this name, or below a folder of this path; a glob, "
             "repeatable");
}

Result<Yardstick> load_yardstick(const ManifestOptions& options) {
  const auto library = load_library(options.templates);
  if (!library) return library.error();
  auto policy = find_template(*library, options.policy);
  if (!policy) return policy.error();
  auto places = load_pod_places(options.pod_templates);
  if (!places) return places.error();
  return Yardstick{*std::move(policy), *std::move(places)};
}

}  // namespace plimsoll::app
