// What an AdmissionReview asks, decoded.
//
// Source: k8s.io/api/admission/v1 types.go. Ownership: owns its text. Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/labels.h"
#include "plimsoll/pod.h"

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
  std::optional<Pod> pod;      ///< of a pod, or a workload that has a template
  std::optional<Pod> old_pod;  ///< an UPDATE's old object, if it is there and can be read
  std::vector<Fault> faults;   ///< of the new object; in the order of the document
  /// An UPDATE leaves a pod's spec, or a workload's pod template, as it was, in every field.
  bool unchanged = false;
  Labels labels, old_labels;  ///< of a namespace, and of what an UPDATE of it replaces
};

/// What a request is to Plimsoll. Source: pod-security-admission admission/admission.go:
/// Validate, ValidatePod with ignoredPodSubresources, defaultPodSpecResources.
Scope scope_of(const RequestFacts& facts);

/// The kind of the objects of a judged resource, and where in them the object with the pod's
/// `metadata` and `spec` is: a JSON pointer, empty for a pod.
struct JudgedKind {
  std::string_view kind, template_path;
};

/// Of a request about a pod or a workload.
JudgedKind judged_kind(const RequestFacts& facts);

/// The JSON pointer of the object with the pod's `metadata` and `spec` in an object of this kind:
/// empty for Pod, `/spec/template` for most; nullopt: the kind has none.
std::optional<std::string_view> template_path(std::string_view group, std::string_view kind);

}  // namespace plimsoll
