// What an AdmissionReview asks, decoded.
//
// Source: k8s.io/api/admission/v1 types.go. Ownership: owns its text. Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/labels.h"
#include "plimsoll/pod.h"
#include "plimsoll/pod_places.h"

namespace plimsoll {

enum class Operation : std::uint8_t { Create, Update, Delete, Connect, Other };

/// What a request is to Plimsoll.
enum class Scope : std::uint8_t {
  NotOurs,    ///< allowed at once, its object not even read
  Pod,        ///< a pod, or a pod subresource that may change its spec
  Workload,   ///< an object with a pod template
  Namespace,  ///< a namespace, whose labels bind templates
};

/// A field that could not be read: it has the wrong type, is out of range, or stands there twice.
struct Fault {
  std::string path;     ///< JSON pointer in the reviewed object
  std::string message;  ///< such as `must be a boolean, is a string`
  bool operator==(const Fault&) const = default;
};

/// The facts of a request that decide whether and how it is judged.
struct RequestFacts {
  std::string uid;
  Operation operation = Operation::Other;
  std::string group, resource, subresource;
  std::string kind;
  std::string namespace_name, name;
  std::string user;
  std::vector<std::string> groups;  ///< of the user
  bool dry_run = false;
};

struct Review {
  RequestFacts facts;
  Scope scope = Scope::NotOurs;
  /// A pod, or what a workload makes pods of: one mostly, none if it has no template, several in
  /// some custom resources.
  std::vector<Pod> pods;
  std::vector<Pod> old_pods;  ///< of an UPDATE's old object, if it is there and can be read
  std::vector<Fault> faults;  ///< of the new object; in the order of the document
  /// An UPDATE leaves a pod's spec, or a workload's pod template, as it was, in every field.
  bool unchanged = false;
  Labels labels, old_labels;  ///< of a namespace, and of what an UPDATE of it replaces
};

/// What a request is to Plimsoll. `custom`: the custom kinds that are workloads.
/// Source: pod-security-admission admission/admission.go: Validate, ValidatePod with
/// ignoredPodSubresources, defaultPodSpecResources.
Scope scope_of(const RequestFacts& facts, const PodPlaces& custom);

/// The kind of the objects of a judged resource, and where in them pods are.
struct JudgedKind {
  std::string_view kind;
  std::span<const PodPlace> places;
  bool defaulted = true;  ///< the API server has filled in what its pods leave out
};

/// Of a request about a pod or a workload. Borrows from `facts` and `custom`.
JudgedKind judged_kind(const RequestFacts& facts, const PodPlaces& custom);

/// Where pods are in an object of this kind; empty: in none that is known. Kubernetes' own kinds
/// are what they are, whatever `custom` says.
std::span<const PodPlace> places_in(std::string_view group, std::string_view kind,
                                    const PodPlaces& custom);

}  // namespace plimsoll
