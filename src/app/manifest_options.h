// The options of the commands that judge manifests: which, and by what.
//
// Thread-safety: stateless.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "plimsoll/pod_places.h"
#include "plimsoll/result.h"
#include "plimsoll/template.h"

namespace plimsoll::app {

struct ManifestOptions {
  std::vector<std::string> paths, exclude;
  std::string policy = "restricted";
  std::vector<std::string> templates, pod_templates;
};

/// Adds them to a command. The options must outlive the command line.
void add_manifest_options(CLI::App& command, ManifestOptions& options);

/// What the options name.
struct Yardstick {
  std::shared_ptr<const Template> policy;
  PodPlaces places;
};
Result<Yardstick> load_yardstick(const ManifestOptions& options);

}  // namespace plimsoll::app
