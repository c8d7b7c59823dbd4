// Reads JSON fields into values and collects what could not be read, with its path.
//
// The rules are those of Kubernetes' own decoder: names are case-sensitive, unknown fields are
// passed over, null is absent. Stricter in one thing: a known field that stands in an object twice
// is a fault, because which of the two counts is anybody's guess.
// Ownership: a Decoder borrows the document and must not outlive it. Thread-safety: one a thread.
#pragma once

#include <simdjson.h>

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "plimsoll/review.h"

namespace plimsoll::codec {

using Json = simdjson::dom::element;

/// `a boolean`, `a string`, ... for messages.
std::string_view type_name(Json value);

/// What a member that the table does not name leads to.
enum class Unknown : std::uint8_t {
  Passed,  ///< as in Kubernetes objects, most of which is of no concern here
  Fault,   ///< as in Plimsoll's own files, where it is a slip of the pen
};

class Decoder {
 public:
  /// Bytes that the elements of all arrays may become. Elements that a document writes in two bytes
  /// become hundreds; what kube-apiserver can store (a request of 3 MiB) never comes near it.
  static constexpr std::size_t kMaxWeight = 32 << 20;

  /// Past so many faults no more are kept: nobody reads them.
  static constexpr std::size_t kMostFaults = 1000;

  /// `path`: the JSON pointer of what is decoded; `faults`: where to put what cannot be read.
  Decoder(std::string_view path, std::vector<Fault>& faults, Unknown unknown = Unknown::Passed)
      : base_(path), unknown_(unknown), faults_(faults) {}

  /// How to read one field of a `T`.
  template <class T>
  struct Field {
    std::string_view name;
    void (*read)(Decoder&, Json, T&);
  };

  /// Reads the fields of the table from an object. Null is an empty object.
  template <class T, std::size_t N>
  void object(Json value, const Field<T> (&fields)[N], T& out) {
    static_assert(N <= 64);
    simdjson::dom::object members;
    if (!expect(value, members, "an object")) return;
    std::uint64_t seen = 0;
    for (const auto member : members) {
      std::size_t i = 0;
      while (i < N && member.key != fields[i].name) ++i;
      const Scope scope(*this, member.key);
      if (i == N) {
        if (unknown_ == Unknown::Fault) unknown_field(names_of(fields));
        continue;
      }
      const std::uint64_t bit = std::uint64_t{1} << i;
      if ((seen & bit) != 0) fault("stands there twice");
      seen |= bit;
      if (!member.value.is_null()) fields[i].read(*this, member.value, out);
    }
  }

  /// Calls `each(element, index)` for every element of an array. Null is an empty array. `weight`:
  /// how many bytes an element becomes; past kMaxWeight in all arrays together it is a fault.
  template <class Each>
  void array(Json value, std::size_t weight, Each each) {
    simdjson::dom::array elements;
    if (!expect(value, elements, "an array")) return;
    std::size_t index = 0;
    for (const Json element : elements) {
      const Scope scope(*this, index);
      if (!weigh(weight)) return;
      each(element, index);
      ++index;
    }
  }

  /// Counts so many bytes towards kMaxWeight. False: it is passed; the first time that is a fault.
  bool weigh(std::size_t bytes) {
    const bool passed = weight_ > kMaxWeight;
    if (!passed) weight_ += bytes;
    if (weight_ <= kMaxWeight) return true;
    if (!passed) too_large();
    return false;
  }

  /// Calls `each(key, value)` for every member of an object. Null is an empty object.
  template <class Each>
  void members(Json value, Each each) {
    simdjson::dom::object object;
    if (!expect(value, object, "an object")) return;
    for (const auto member : object) {
      const Scope scope(*this, member.key);
      each(member.key, member.value);
    }
  }

  /// Calls `then(value)` for the member of that name, if the object has it. Null is an empty
  /// object.
  template <class Then>
  void member(Json value, std::string_view name, Then then) {
    simdjson::dom::object object;
    if (!expect(value, object, "an object")) return;
    bool seen = false;
    for (const auto one : object) {
      if (one.key != name) continue;
      const Scope scope(*this, name);
      if (std::exchange(seen, true))
        fault("stands there twice");
      else
        then(one.value);
    }
  }

  /// Runs `then` as if it were about the member of that name.
  template <class Then>
  void below(std::string_view name, Then then) {
    const Scope scope(*this, name);
    then();
  }

  void read(Json value, bool& out);
  void read(Json value, std::string& out);
  void read(Json value, std::int64_t& out);
  void read(Json value, std::int32_t& out);
  void read(Json value, std::vector<std::string>& out);
  void read(Json value, std::vector<std::int64_t>& out);
  template <class T>
  void read(Json value, std::optional<T>& out) {
    read(value, out.emplace());
  }

  /// Records that the value at the current path cannot be read.
  void fault(std::string message);

  /// What could not be read so far.
  [[nodiscard]] std::span<Fault> faults() const { return faults_; }

  /// The JSON pointer of the value that is being read.
  [[nodiscard]] std::string path() const;

 private:
  /// A step down: a member's name, or, where `name` has no data, an element's index.
  struct Step {
    std::string_view name;
    std::size_t index;
  };
  class Scope {
   public:
    Scope(Decoder& decoder, std::string_view name) : decoder_(decoder) { decoder_.push({name, 0}); }
    Scope(Decoder& decoder, std::size_t index) : decoder_(decoder) { decoder_.push({{}, index}); }
    ~Scope() { --decoder_.depth_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Decoder& decoder_;
  };

  template <class T>
  bool expect(Json value, T& out, std::string_view wanted) {
    if (value.get(out) == simdjson::SUCCESS) return true;
    if (!value.is_null()) wrong_type(wanted, value);
    return false;
  }
  void wrong_type(std::string_view wanted, Json value);
  [[nodiscard]] bool full() const { return faults_.size() >= kMostFaults; }
  void too_large();
  void unknown_field(std::span<const std::string_view> known);
  template <class T, std::size_t N>
  static std::array<std::string_view, N> names_of(const Field<T> (&fields)[N]) {
    std::array<std::string_view, N> names;
    for (std::size_t i = 0; i < N; ++i) names[i] = fields[i].name;
    return names;
  }

  std::string_view base_;
  Unknown unknown_;
  // No table leads deeper; the document's own depth is of no matter.
  static constexpr std::size_t kMaxDepth = 64;
  void push(Step step) {
    assert(depth_ < kMaxDepth);
    steps_[depth_++] = step;
  }
  std::array<Step, kMaxDepth> steps_;
  std::size_t depth_ = 0;
  std::size_t weight_ = 0;
  std::vector<Fault>& faults_;
};

/// A table entry that reads a plain member.
template <auto Member>
struct plain;
template <class T, class V, V T::* Member>
struct plain<Member> {
  template <class Derived = T>
  static void read(Decoder& decoder, Json value, Derived& out) {
    decoder.read(value, out.*Member);
  }
};

}  // namespace plimsoll::codec
