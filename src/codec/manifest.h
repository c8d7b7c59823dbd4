// Manifests: the objects of a YAML or JSON document, with their pods.
//
// Thread-safety: stateless.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "codec/yaml.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

/// One object of a document; each item of a List is one.
struct Manifest {
  std::string path;  ///< JSON pointer in the document; empty: the document itself
  std::string api_version, kind, namespace_name, name;
  /// The pod, or the pod of the workload's template, as the API server would store it.
  std::optional<Pod> pod;
  std::vector<Fault> faults;  ///< what could not be read
  std::string skipped;        ///< why there is nothing to judge; empty: there is
};

/// The objects of a document. A document that is no Kubernetes object is skipped, with the reason.
std::vector<Manifest> manifests_of(const YamlDocument& document);

}  // namespace plimsoll::codec
