// The owners of what runs, and what was found in each, kept small.
//
// Objects may come in any order, and each more than once: what controls what is settled at the end.
// Texts are kept once, so that ten thousand pods that stray alike cost little more than one.
// Ownership: owns its texts; checks are constants. Thread-safety: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "codec/object_list.h"
#include "plimsoll/check.h"

namespace plimsoll::app {

/// Texts, each kept once, by number.
class Texts {
 public:
  using Id = std::uint32_t;
  Id id(std::string_view text);
  [[nodiscard]] std::string_view operator[](Id id) const { return all_[id]; }
  /// What they take, about.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* block_ = nullptr;  // what is free of the last block
  std::size_t left_ = 0;   // bytes of it
  std::size_t bytes_ = 0;
  std::vector<std::string_view> all_;
  std::unordered_map<std::string_view, Id> known_;
};

/// A finding of an owner.
struct KeptFinding {
  const Check* check = nullptr;
  std::uint32_t bound = 0;  ///< what asks for it, by its place among what binds; enforced first
  Texts::Id container = 0, path = 0, place = 0, message = 0, advice = 0, patch = 0;
  Texts::Id spot = 0;      ///< the place, as of a pod: the same for a template and its pods
  Texts::Id via = 0;       ///< the object between the owner and its pods whose template has it
  std::uint32_t pods = 0;  ///< that have it, and are no template's
  bool own = false;        ///< the owner's template has it, or the owner is the pod

  /// Less: kept before others where there is no room for all.
  [[nodiscard]] std::pair<std::uint32_t, Severity> worth() const {
    return {bound, check->severity};
  }
};

/// How an owner fares with templates that are tried: bit by bit which of their checks it fails.
using Failed = std::array<std::uint64_t, 4>;

struct Owner {
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};
  /// Of more nobody reads, and the pods of one controller may all be different. The few are for
  /// those that come when there are very many in all.
  static constexpr std::size_t kMostFindings = 1000, kFewFindings = 10;

  Texts::Id api_version = 0, kind = 0;
  std::string name, uid;
  std::uint32_t space = 0;            ///< its namespace, by number
  Index controller = kNone;           ///< an owner
  Texts::Id controlled_by = 0;        ///< in words, such as `Prometheus main`; empty: nothing
  bool listed = false;                ///< it was seen itself, not only named by what it controls
  bool made = false;                  ///< of a kind that controllers make to make pods
  bool active = false;                ///< it may make pods
  bool exempt = false;                ///< it is not judged
  bool has_template = false;          ///< its own pods are in the findings
  std::uint32_t pods = 0;             ///< that have not ended
  std::uint32_t exempt_pods = 0;      ///< of those
  std::uint32_t left_out = 0;         ///< findings beyond those that are kept, of each object
  Texts::Id patch = 0;                ///< that mends it, as JSON
  std::vector<KeptFinding> findings;  ///< in an order of their own
  Failed failed{};
};

/// What was found in one object.
struct Judged {
  std::vector<KeptFinding> findings;
  std::uint32_t left_out = 0;
  Texts::Id patch = 0;
  Failed failed{};
  bool exempt = false;
  bool pods = false;  ///< the object holds one at least
};

/// A uid as API servers make them, of which a name can be made. Of a controller, which is named by
/// whoever made the object, it may be any text.
bool is_uid(std::string_view text);

class Owners {
 public:
  Owners();

  /// For the findings of all owners together; then each one gets a few more.
  static constexpr std::size_t kMostBytes = 64UL * 1024 * 1024;

  Texts texts;

  Owner& operator[](Owner::Index index) { return all_[index]; }

  /// The owner that an object is; it is made if it is new.
  Owner::Index of_object(std::uint32_t space, const codec::ListedObject& object,
                         std::string_view api_version, std::string_view kind);
  /// The one that controls an object, made if it is new; kNone: no one does.
  Owner::Index controller_of(std::uint32_t space, const codec::ListedObject& object);
  /// Says that what controls the object controls the owner.
  void set_controller(Owner::Index owner, std::uint32_t space, const codec::ListedObject& object);
  /// False: the pod was seen before.
  bool first_time(std::uint32_t space, const codec::ListedObject& pod);

  /// How many findings an owner may have now.
  [[nodiscard]] std::size_t room_of(const Owner& owner) const;
  /// Adds what was found in an owner's own template, or in a pod of it.
  void add_own(Owner& owner, Judged judged);
  void add_pod(Owner& owner, Judged judged);

  /// Brings together what belongs together; gives the owners that nothing judged controls, sorted
  /// by space (in the order that `rank` gives it), kind and name. Called once, at the end.
  std::vector<const Owner*> settle(const std::vector<std::uint32_t>& rank);

 private:
  static std::string key(std::uint32_t space, std::string_view uid, std::string_view kind,
                         std::string_view name);
  Owner::Index at(std::uint32_t space, std::string_view uid, std::string_view api_version,
                  std::string_view kind, std::string_view name);
  [[nodiscard]] Owner::Index root_of(Owner::Index index) const;
  void adopt_by_name();
  void keep(Owner& owner, const std::vector<KeptFinding>& findings);

  std::deque<Owner> all_;
  std::unordered_map<std::string, Owner::Index> by_uid_;
  std::unordered_set<std::string> pods_;
  /// ReplicaSets that were not seen, and the Deployments that their names tell.
  std::unordered_map<Owner::Index, std::string> told_;
  std::size_t kept_ = 0;  // findings
};

}  // namespace plimsoll::app
