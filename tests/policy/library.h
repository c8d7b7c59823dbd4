// The templates that come with Plimsoll, and one of somebody's own.
#pragma once

#include <string>
#include <vector>

#include "codec/files.h"
#include "templates/builtin.h"
#include "templates/library.h"

namespace plimsoll::policy {

inline const templates::Library& library() {
  static const templates::Library kLibrary = [] {
    std::vector<TemplateSpec> specs;
    const auto add = [&](std::string_view text, const std::string& file) {
      for (TemplateSpec& spec : codec::read_templates(text, file).value())
        specs.push_back(std::move(spec));
    };
    for (const auto& builtin : templates::builtin_files())
      add(builtin.text, std::string(builtin.name));
    add(R"(apiVersion: plimsoll.dev/v1alpha1
kind: SecurityTemplate
metadata: {name: payments}
spec:
  extends: restricted
  rules:
  - check: id-ranges
    params:
      runAsUser: [{min: 10000, max: 19999}]
---
apiVersion: plimsoll.dev/v1alpha1
kind: SecurityTemplate
metadata: {name: loose}
spec:
  extends: restricted
  rules:
  - {check: drop-all, enabled: false}
)",
        "own.yaml");
    return templates::Library::make(std::move(specs)).value();
  }();
  return kLibrary;
}

inline std::shared_ptr<const Template> find(const std::string& ref) {
  return library().find(TemplateRef::parse(ref).value());
}

}  // namespace plimsoll::policy
