// An outcome that may be an error, and the one shape every error has.
//
// Ownership: values own their text. Thread-safety: plain values, no shared state.
#pragma once

#include <cassert>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace plimsoll {

/// What went wrong, where, and what to do about it, in one line.
struct Error {
  std::string message;     ///< what is wrong, without a final full stop
  std::string file;        ///< empty: not about a file
  std::size_t line = 0;    ///< 1-based; 0: unknown
  std::size_t column = 0;  ///< 1-based, in bytes; 0: unknown
  std::string field;       ///< such as `spec.rules[2].check`; empty: not about a field
  std::string remedy;      ///< what to do, without a final full stop; empty: the message says it

  /// `file:line:column: field: message; remedy`, leaving out what is unknown.
  [[nodiscard]] std::string to_string() const {
    std::string out;
    if (!file.empty()) {
      out += file;
      if (line > 0) out += ':' + std::to_string(line);
      if (line > 0 && column > 0) out += ':' + std::to_string(column);
      out += ": ";
    }
    if (!field.empty()) out += field + ": ";
    out += message;
    if (!remedy.empty()) out += "; " + remedy;
    return out;
  }
};

/// A `T`, or the `Error` that kept it from being made. Reading the wrong one is a broken invariant.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return std::holds_alternative<T>(state_); }

  const T& value() const& {
    assert(*this);
    return std::get<T>(state_);
  }
  T& value() & {
    assert(*this);
    return std::get<T>(state_);
  }
  // By value, so that `for (x : f().value())` does not outlive what it reads.
  T value() && {
    assert(*this);
    return std::get<T>(std::move(state_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  const Error& error() const {
    assert(!*this);
    return std::get<Error>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

/// The outcome of something that yields nothing: empty on success.
using Status = std::optional<Error>;

}  // namespace plimsoll
