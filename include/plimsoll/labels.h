// Labels of an object, and what selects objects by them.
//
// Ownership: owns its text. Thread-safety: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll {

using Labels = std::map<std::string, std::string, std::less<>>;

/// A label selector. Source: k8s.io/apimachinery/pkg/apis/meta/v1 LabelSelector.
struct Selector {
  enum class Operator : std::uint8_t { In, NotIn, Exists, DoesNotExist };
  struct Requirement {
    std::string key;
    Operator op = Operator::Exists;
    std::vector<std::string> values;  ///< of In and NotIn: one or more; else none
    bool operator==(const Requirement&) const = default;
  };

  std::vector<Requirement> requirements;  ///< all must hold; empty: everything is selected

  [[nodiscard]] bool matches(const Labels& labels) const;
  bool operator==(const Selector&) const = default;
};

}  // namespace plimsoll
