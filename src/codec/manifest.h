// Manifests: the objects of a YAML or JSON document, with their pods.
//
// Thread-safety: stateless.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/review.h"
#include "text/yaml.h"

namespace plimsoll::codec {

/// One object of a document; each item of a list is one.
struct Manifest {
  std::string path;  ///< JSON pointer in the document; empty: the document itself
  std::string api_version, kind, namespace_name, name;
  /// The pod, or what the object makes pods of, as the API server would store them.
  std::vector<Pod> pods;
  std::vector<Fault> faults;  ///< what could not be read
  std::string skipped;        ///< why there is nothing to judge; empty: there is
};

/// The objects of a document, those that kubectl would apply: what has an array of items is a list
/// of any kind, and the items of a PodList are Pods without saying so. What is no Kubernetes
/// object, for it lacks a kind or an apiVersion, is skipped, with the reason. `custom`: where other
/// kinds than Kubernetes' own hold pods.
std::vector<Manifest> manifests_of(const text::YamlDocument& document, const PodPlaces& custom);

}  // namespace plimsoll::codec
