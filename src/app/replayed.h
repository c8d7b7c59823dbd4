// What recorded requests come to when they are judged anew, and those that come to something else,
// grouped by where they come from.
//
// Ownership: Changes owns what it keeps. Thread-safety: replay() is pure; Changes is for one
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "codec/origins.h"
#include "codec/recording.h"
#include "plimsoll/report.h"
#include "plimsoll/verdict.h"
#include "policy/policy.h"

namespace plimsoll::app {

/// What a recorded request comes to now.
struct Replayed {
  enum class Now : std::uint8_t { Allowed, Denied, Unknown };
  Now now = Now::Allowed;
  std::string_view why;  ///< Unknown: to stand behind a number of requests; a literal
  Verdict verdict;       ///< Denied: what for
};

/// Judges as the webhook does. `bindings`: those that hold in the request's namespace; or, where
/// its labels are not known, those that hold whatever they are, and `no_labels` is why. A dry run
/// is none here.
Replayed replay(const codec::Recorded& recorded, const policy::Policy& policy,
                std::span<const Binding> bindings, std::string_view no_labels);

/// What holds in which namespace, as far as the recording has come. The logs of several API servers
/// may follow each other in it: labels hold for no request that is older than they are.
class Spaces {
 public:
  explicit Spaces(std::shared_ptr<const policy::Policy> policy);

  /// Whether labels matter, so that requests must be judged in their order.
  [[nodiscard]] bool follow_labels() const { return follows_; }

  /// Of the beginning.
  void learn(const std::string& name, const Labels& labels);
  void learn(const codec::Recorded& write);

  /// Thread-safety: pure if labels do not matter.
  [[nodiscard]] Replayed judge(const codec::Recorded& recorded);

  /// Writes of namespaces that came behind younger requests, which were judged without them.
  [[nodiscard]] std::uint64_t late() const { return late_; }

 private:
  struct Space {
    Labels labels;
    std::optional<policy::NamespacePolicy> holds;  // nothing: its labels are not known
    // In seconds since 1970: when that was written, and the youngest request that was judged by it,
    // or by what was before it.
    std::int64_t written = 0, judged = 0, judged_before = 0;
  };

  /// The space of that name, if there is room for it.
  Space* at(const std::string& name);

  std::shared_ptr<const policy::Policy> policy_;
  std::vector<Binding> without_labels_;
  bool follows_ = false;
  std::map<std::string, Space, std::less<>> known_;
  std::uint64_t late_ = 0;
};

/// How many requests came to what.
struct ReplayCounts {
  std::uint64_t lines = 0;     ///< that could be read
  std::uint64_t requests = 0;  ///< about pods and workloads; each is in one of the following
  std::uint64_t allowed = 0, newly_denied = 0;        ///< of those that were allowed
  std::uint64_t still_denied = 0, no_longer = 0;      ///< of those that Plimsoll had denied
  std::uint64_t denied_unknown = 0;                   ///< as these, which cannot be judged
  std::uint64_t failed = 0;                           ///< for other reasons
  std::map<std::string_view, std::uint64_t> unknown;  ///< that were allowed, by why

  std::uint64_t as_sent = 0;  ///< judged without what mutating admission has added

  ReplayCounts& operator+=(const ReplayCounts& other);
};

/// A request that comes to something else than it did.
struct Change {
  bool denied = true;  ///< newly; else no longer
  codec::Recorded recorded;
  codec::Origins origins;
  Verdict verdict;           ///< with as many findings as are kept
  std::size_t left_out = 0;  ///< other findings
  std::string key;           ///< the same for requests that belong together
  std::string place;         ///< of its line: `audit.log:12`
};

/// Counts what the request came to; a change is given back.
std::optional<Change> settle(codec::Recorded recorded, Replayed replayed, ReplayCounts& counts);

class Changes {
 public:
  /// No more groups are kept, nor of more bytes. What is beyond them is counted.
  static constexpr std::size_t kMostGroups = 10'000, kMostBytes = std::size_t{64} << 20;
  /// Findings of a group's example that are kept.
  static constexpr std::size_t kMostFindings = 100;

  /// `name_templates`: whether findings say which template asks for them. `keep_example`: takes the
  /// first example of a group and gives the name of the file that it put it into; may be empty.
  Changes(bool name_templates, std::function<std::string(const Change&)> keep_example)
      : name_templates_(name_templates), keep_example_(std::move(keep_example)) {}

  void add(const Change& change);

  /// A resource for each group, sorted.
  [[nodiscard]] std::vector<Resource> resources() const;
  /// Changes that no group was made for.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  struct Group {
    Resource resource;
    bool denied = true;
    std::uint64_t count = 0, dry_runs = 0;
    std::vector<std::string> users;
    bool more_users = false;
    std::string owner, first, last, example, id, name, file;
    std::string_view operation;
    std::string_view doubt;
    std::size_t findings_left_out = 0;
  };
  Group group_of(const Change& change) const;

  bool name_templates_;
  std::function<std::string(const Change&)> keep_example_;
  std::unordered_map<std::string, Group> groups_;
  std::size_t bytes_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace plimsoll::app
