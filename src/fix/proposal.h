// What can be done about a violation without asking anybody, and why not where nothing can.
//
// Ownership: a Proposer borrows all that it is given. Thread-safety: one a thread.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "plimsoll/verdict.h"
#include "text/yaml.h"

namespace plimsoll::fix {

struct Proposal {
  std::vector<std::shared_ptr<const Edit>> edits;  ///< empty: see `reason`
  std::string reason;  ///< why nothing is proposed, without a final full stop
  std::string first;   ///< YAML of what must be there before the edits are applied; mostly none
};

/// Makes the proposals for one object.
class Proposer {
 public:
  /// `pods`: the object's; what one of them uses is not taken away from another. `custom_kind`:
  /// that of an object whose controller is not Kubernetes' own and may change its pods; else empty.
  /// `risky`: whether what may stop a program from working (`Check::risk`) is proposed too.
  Proposer(std::span<const Pod> pods, const text::YamlDocument& document, const Template& policy,
           std::string namespace_name, std::string custom_kind, bool risky)
      : pods_(pods),
        document_(document),
        policy_(policy),
        namespace_(std::move(namespace_name)),
        custom_kind_(std::move(custom_kind)),
        risky_(risky) {}

  /// The check's own edits, with a writable /tmp beside a read-only root; a volume of a kind that
  /// is not allowed goes if nothing mounts it, of a custom resource only as a risk, or, as a risk,
  /// becomes the claim of a volume of the same source.
  Proposal propose(const Violation& violation);

 private:
  void add_tmp(const Violation& violation, Proposal& proposal);
  Proposal about_volume(const Pod& pod, std::size_t index, const Violation& violation);
  [[nodiscard]] bool may_claim() const;

  std::span<const Pod> pods_;
  const text::YamlDocument& document_;
  const Template& policy_;
  std::string namespace_, custom_kind_;
  bool risky_;
  std::set<std::string> tmp_names_;  ///< of the volumes that were proposed
};

}  // namespace plimsoll::fix
