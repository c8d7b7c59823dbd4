// Where objects hold pods: Kubernetes' own kinds, and custom resources.
//
// Ownership: owns its text. Thread-safety: plain values; const functions may be called from any
// thread.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace plimsoll {

/// What stands at a place.
enum class PodShape : std::uint8_t {
  Pod,       ///< a Pod itself
  Template,  ///< an object with the pod's `metadata` and `spec`, as a PodTemplateSpec
  Spec,      ///< a PodSpec
  Workflow,  ///< a WorkflowSpec of Argo Workflows, each of whose templates may become a pod
};

/// A place in the objects of a kind.
struct PodPlace {
  /// JSON pointer; the step `*` is every element of an array, every member of an object. Empty: the
  /// object itself.
  std::string path;
  PodShape shape = PodShape::Template;
  bool operator==(const PodPlace&) const = default;
};

/// The places in objects of custom kinds.
class PodPlaces {
 public:
  /// What was said of the kind before is forgotten.
  void set(std::string_view group, std::string_view kind, std::vector<PodPlace> places) {
    const auto at = lower_bound(group, kind);
    if (at != kinds_.end() && at->group == group && at->kind == kind)
      kinds_[static_cast<std::size_t>(at - kinds_.begin())].places = std::move(places);
    else
      kinds_.insert(at, {std::string(group), std::string(kind), std::move(places)});
  }

  /// Empty: the kind is not known.
  [[nodiscard]] std::span<const PodPlace> find(std::string_view group,
                                               std::string_view kind) const {
    const auto at = lower_bound(group, kind);
    if (at == kinds_.end() || at->group != group || at->kind != kind) return {};
    return at->places;
  }

  /// Whether a kind of the group is known.
  [[nodiscard]] bool has_group(std::string_view group) const {
    const auto at = lower_bound(group, "");
    return at != kinds_.end() && at->group == group;
  }

 private:
  struct Kind {
    std::string group, kind;
    std::vector<PodPlace> places;
  };
  [[nodiscard]] std::vector<Kind>::const_iterator lower_bound(std::string_view group,
                                                              std::string_view kind) const {
    return std::ranges::lower_bound(kinds_, std::pair(group, kind), {}, [](const Kind& k) {
      return std::pair<std::string_view, std::string_view>(k.group, k.kind);
    });
  }

  std::vector<Kind> kinds_;  // sorted by group and kind
};

}  // namespace plimsoll
