// What a write of a namespace leads to: its labels decide for all its pods.
//
// Thread-safety: pure.
#pragma once

#include <memory>

#include "policy/policy.h"

namespace plimsoll::policy {

struct NamespaceWrite {
  Verdict verdict;
  /// What its pods that run must now be held to, and were not before: worth a look at them. Null:
  /// nothing.
  std::shared_ptr<const Template> raised;
};

/// Denied are a label that names no template or version, if the write brings it (upstream's rule),
/// and one that is lowered or removed by somebody who is no editor.
NamespaceWrite judge_namespace(const Policy& policy, const Review& review);

/// Whether what passes `strict` certainly passes `other` as well. Of two versions of a template the
/// newer counts as the stricter.
bool at_least(const Template& strict, const Template& other, const templates::Library& library);

}  // namespace plimsoll::policy
