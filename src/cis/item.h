// An item of the benchmark: its number, its check, and the function that says what it comes to.
//
// Numbers are those of the CIS Docker Benchmark 1.6.0 as docker-bench-security has them; all words
// are Plimsoll's own. Ownership: items are constants. Thread-safety: pure.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cis/facts.h"
#include "plimsoll/check.h"
#include "plimsoll/report.h"

namespace plimsoll::cis {

inline constexpr std::string_view kStandard = "CIS Docker 1.6.0";

/// One thing wrong.
struct Hit {
  std::string path;  ///< JSON pointer into what the API shows, or a path of the host; may be empty
  std::string element;  ///< which of several: a capability, an image; may be empty
  std::string message;  ///< no final full stop
};

/// What an item comes to for one resource. With hits it is a warning.
struct Said {
  ItemStatus status = ItemStatus::Pass;
  std::string detail;
  std::vector<Hit> hits;
  bool unseen = false;  ///< what it is about could not be seen

  static constexpr std::size_t kMostHits = 1000;

  void warn(std::string message, std::string path = {}, std::string element = {}) {
    status = ItemStatus::Warn;
    if (hits.size() < kMostHits)
      hits.push_back({std::move(path), std::move(element), std::move(message)});
  }
  void say(ItemStatus is, std::string what = {}) {
    status = is;
    detail = std::move(what);
  }
  void not_seen(std::string why) {
    say(ItemStatus::Info, "could not be seen: " + std::move(why));
    unseen = true;
  }
};

struct Item {
  Check check;
  Reference reference;
  /// Exactly one of both is set.
  void (*of_host)(const Host&, Said&) = nullptr;
  void (*of_container)(const Container&, const Host&, Said&) = nullptr;

  [[nodiscard]] std::string_view number() const { return reference.section; }
};

/// Every item, in the order of the numbers.
std::span<const Item* const> items();

/// Whether a pattern (`5`, `5.5`, `5.*`) means the number.
bool matches(std::string_view pattern, std::string_view number);

// --- how they are written ------------------------------------------------------------------------

/// A number as a template argument.
template <std::size_t N>
struct Number {
  consteval Number(const char (&literal)[N]) {  // NOLINT(google-explicit-constructor)
    std::copy_n(literal, N, text);
  }
  char text[N]{};
};

template <Number N>
inline constexpr auto kId = [] {
  constexpr std::string_view kPrefix = "cis-docker-";
  std::array<char, kPrefix.size() + sizeof N.text - 1> id{};
  const auto end = std::copy(kPrefix.begin(), kPrefix.end(), id.begin());
  std::copy_n(N.text, sizeof N.text - 1, end);
  return id;
}();
template <Number N>
inline constexpr Reference kReference[] = {
    {kStandard, std::string_view(N.text, sizeof N.text - 1)}};

struct Words {
  std::string_view title, rationale, remedy;
};

template <Number N>
constexpr Item item(Severity severity, Words words, void (*of_host)(const Host&, Said&),
                    void (*of_container)(const Container&, const Host&, Said&) = nullptr) {
  return {.check = {.id = std::string_view(kId<N>.data(), kId<N>.size()),
                    .title = words.title,
                    .rationale = words.rationale,
                    .remedy = words.remedy,
                    .severity = severity,
                    .references = kReference<N>},
          .reference = kReference<N>[0],
          .of_host = of_host,
          .of_container = of_container};
}
template <Number N>
constexpr Item item(Severity severity, Words words,
                    void (*of_container)(const Container&, const Host&, Said&)) {
  return item<N>(severity, words, nullptr, of_container);
}

/// What only a person can look at.
inline void for_a_person(const Host&, Said& said) { said.say(ItemStatus::Note); }

}  // namespace plimsoll::cis
