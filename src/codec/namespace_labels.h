// Namespaces in a file, as kubectl writes them.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

/// The labels of namespaces.
struct NamespaceLabels {
  std::string name;
  Labels labels;
};

/// Of a Namespace or a list of them, as `kubectl get namespaces -o yaml` or `-o json` write it.
Result<std::vector<NamespaceLabels>> read_namespaces(std::string_view text,
                                                     const std::string& file);

}  // namespace plimsoll::codec
