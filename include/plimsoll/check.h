// A check: one thing a pod may not do, why, and the change that mends it.
//
// Ownership: `Check`s are constants in static storage; text in them is literal. Thread-safety: the
// function pointers are pure and may be called from any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "plimsoll/cel.h"
#include "plimsoll/pod.h"

namespace plimsoll {

/// How much of the node a pod gains that fails a check; warnings are listed most severe first.
enum class Severity : std::uint8_t { Critical, High, Medium, Low };

constexpr std::string_view name_of(Severity severity) {
  constexpr std::string_view kNames[] = {"critical", "high", "medium", "low"};
  return kNames[static_cast<std::size_t>(severity)];
}

/// Where a standard asks for what a check holds to.
struct Reference {
  std::string_view standard, section;
};

/// An inclusive range of numeric ids.
struct IdRange {
  std::int64_t min = 0, max = 0;
  bool operator==(const IdRange&) const = default;
};

/// The value of a parameter: names, a switch, or ranges of ids.
using ParamValue = std::variant<std::vector<std::string>, bool, std::vector<IdRange>>;

/// The types of ParamValue, in its order.
enum class ParamType : std::uint8_t { Strings, Flag, Ranges };

/// What the texts of a parameter are, where they cannot be any.
struct TextForm {
  std::string_view name;                    ///< such as `a kind of volume`
  std::string_view hint;                    ///< how one is written, for messages
  bool (*has)(std::string_view) = nullptr;  ///< whether a text is of this form
};

struct ParamSpec {
  std::string_view name, meaning;
  ParamType type = ParamType::Strings;
  bool needed = false;  ///< without one at least of its needed parameters a check asks nothing
  const TextForm* form = nullptr;  ///< of each text; null: any
};

/// The parameters that a template gives a check. A template gives only parameters that the check
/// declares, each of its declared type; one that it leaves out is empty or false.
class Params {
 public:
  Params() = default;
  explicit Params(std::vector<std::pair<std::string, ParamValue>> values)
      : values_(std::move(values)) {}

  [[nodiscard]] std::span<const std::string> strings(std::string_view name) const {
    return get<std::vector<std::string>>(name);
  }
  [[nodiscard]] bool flag(std::string_view name) const {
    const auto* value = find(name);
    return value != nullptr && std::get<bool>(*value);
  }
  [[nodiscard]] std::span<const IdRange> ranges(std::string_view name) const {
    return get<std::vector<IdRange>>(name);
  }
  [[nodiscard]] const std::vector<std::pair<std::string, ParamValue>>& all() const {
    return values_;
  }
  bool operator==(const Params&) const = default;

 private:
  [[nodiscard]] const ParamValue* find(std::string_view name) const {
    const auto at = std::ranges::find(values_, name, &std::pair<std::string, ParamValue>::first);
    return at == values_.end() ? nullptr : &at->second;
  }
  template <class T>
  [[nodiscard]] const T& get(std::string_view name) const {
    static const T kNone;
    const auto* value = find(name);
    return value == nullptr ? kNone : std::get<T>(*value);
  }

  std::vector<std::pair<std::string, ParamValue>> values_;
};

/// One thing wrong in one place.
struct Finding {
  std::string path;     ///< JSON pointer of the offending field, or of the field that is missing
  std::string message;  ///< what is wrong, naming the value; no final full stop
  bool operator==(const Finding&) const = default;
};

/// A value that no other alternative of Value can hold, as valid JSON.
struct JsonText {
  std::string text;
  bool operator==(const JsonText&) const = default;
};

/// What a field becomes; monostate: the field (or the list's element) goes.
using Value = std::variant<std::monostate, bool, std::int64_t, std::string,
                           std::vector<std::string>, JsonText>;

/// A change that mends a finding. Missing parents are made. A path that ends in `/-` appends to a
/// list. Where elements of one list go, the edit of the higher index comes first.
struct Edit {
  std::string path;
  Value value;
  bool operator==(const Edit&) const = default;
};

/// A list with an end: what is appended past kMost is dropped. Nobody reads more, and a pod of a
/// few megabytes must not grow to gigabytes of words about it.
template <class T>
class Bounded {
 public:
  using value_type = T;
  static constexpr std::size_t kMost = 10'000;

  Bounded() = default;
  Bounded(std::initializer_list<T> values) : values_(values) {}

  void push_back(T value) {
    if (!full()) values_.push_back(std::move(value));
  }
  /// Whether to look for more is of no use.
  [[nodiscard]] bool full() const { return values_.size() >= kMost; }
  [[nodiscard]] bool empty() const { return values_.empty(); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] auto begin() const { return values_.begin(); }
  [[nodiscard]] auto end() const { return values_.end(); }
  [[nodiscard]] auto begin() { return values_.begin(); }
  [[nodiscard]] auto end() { return values_.end(); }
  [[nodiscard]] const T& operator[](std::size_t i) const { return values_[i]; }
  bool operator==(const Bounded&) const = default;

 private:
  std::vector<T> values_;
};

using Findings = Bounded<Finding>;
using Edits = Bounded<Edit>;

struct Check {
  std::string_view id;         ///< permanent; kebab-case, the file's name with `-` for `_`
  std::string_view title;      ///< what a pod that passes does, one line
  std::string_view rationale;  ///< why it matters, one or two sentences
  std::string_view remedy;     ///< what a person does about a finding, one or two sentences
  Severity severity = Severity::Medium;
  std::span<const Reference> references;
  std::span<const ParamSpec> params;
  /// YAML of the part of a pod spec that passes; `metadata` in it is the pod's, beside the spec.
  std::string_view example;
  /// The same of one in which it finds something, if its parameters ask for it.
  std::string_view counterexample;
  /// What may stop working in an image that has not been tried with the fix, and how to try it: one
  /// or two sentences. Such a fix is made by nobody but who allows it. Empty: programs hardly ever
  /// notice, or the manifest itself asks for what the fix takes away.
  std::string_view risk;

  /// Appends a finding for each thing wrong, in the order of the manifest.
  void (*evaluate)(const Pod&, const Params&, Findings&) = nullptr;
  /// Appends the edits after which `evaluate` finds nothing; null: only a person can decide.
  void (*fix)(const Pod&, const Params&, Edits&) = nullptr;
  /// A CEL expression that is true only if `evaluate` certainly finds nothing in a pod that the API
  /// server hands to admission. It may be false of one in which nothing is found, which costs a
  /// call; it never errs. Null: a template that asks for this check has no prefilter.
  std::string (*cel)(const Params&, const CelNames&) = nullptr;
};

/// Every check, sorted by id. CMake writes it from the files of src/checks/.
std::span<const Check* const> catalogue();

/// The check of that id, or null.
const Check* find_check(std::string_view id);

}  // namespace plimsoll
