#include "app/owners.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <span>
#include <tuple>
#include <utility>

namespace plimsoll::app {
namespace {

constexpr std::size_t kBlock = 64UL * 1024;
constexpr std::size_t kEntry = 80;  // bytes that it takes to know a text again

// Deeper than any chain of controllers; one that is longer leads in a circle.
constexpr int kMostControllers = 16;

auto essence(const KeptFinding& finding) {
  return std::tuple(finding.worth(), finding.check->id, finding.spot, finding.message);
}

bool before(const KeptFinding& a, const KeptFinding& b) { return essence(a) < essence(b); }

/// Whose place is to be mended: the template's own; what pods have without one is nobody's.
int standing(const KeptFinding& finding) { return finding.own ? 2 : finding.via != 0 ? 1 : 0; }

/// What tells findings that say the same apart.
auto where(const KeptFinding& finding) { return std::pair(finding.place, finding.via); }

/// Of findings that say the same: what all of them know, at each of the places that count most.
void join(std::span<const KeptFinding> a, std::span<const KeptFinding> b,
          std::vector<KeptFinding>& out) {
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  const std::uint32_t pods = a.front().pods + b.front().pods;
  if (standing(a.front()) > standing(b.front()))
    out.insert(out.end(), a.begin(), a.end());
  else if (standing(a.front()) < standing(b.front()))
    out.insert(out.end(), b.begin(), b.end());
  else
    std::ranges::set_union(a, b, std::back_inserter(out), {}, where, where);
  for (auto at = out.begin() + begin; at != out.end(); ++at) at->pods = pods;
}

void sort(std::vector<KeptFinding>& findings) {
  const auto all = [](const KeptFinding& f) { return std::tuple(essence(f), f.place); };
  std::ranges::stable_sort(findings, {}, all);
  // The same may be said twice, of two elements of one name.
  const auto repeated = std::ranges::unique(findings, {}, all);
  findings.erase(repeated.begin(), repeated.end());
}

void merge(std::vector<KeptFinding>& into, const std::vector<KeptFinding>& from) {
  if (from.empty()) return;
  std::vector<KeptFinding> all;
  all.reserve(std::max(into.size(), from.size()));
  auto a = into.begin();
  auto b = from.begin();
  while (a != into.end() || b != from.end())
    if (b == from.end() || (a != into.end() && before(*a, *b)))
      all.push_back(*a++);
    else if (a == into.end() || before(*b, *a))
      all.push_back(*b++);
    else {
      // Of an object with several pods each may have it.
      const auto a_end = std::upper_bound(a, into.end(), *a, before);
      const auto b_end = std::upper_bound(b, from.end(), *b, before);
      join({a, a_end}, {b, b_end}, all);
      a = a_end;
      b = b_end;
    }
  into = std::move(all);
}

void merge(Failed& into, const Failed& from) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] |= from[i];
}

/// Whether an object can be known by what names it as its controller. That is written by whoever
/// makes the object, and the API server asks hardly more than that it is not empty.
/// Source: k8s.io/apimachinery pkg/api/validation, ValidateOwnerReferences.
bool is_sound(const codec::Controller& by) {
  constexpr std::size_t kMostName = 253, kMostKind = 63;
  return by.name.size() <= kMostName && by.kind.size() <= kMostKind &&
         by.api_version.size() <= kMostName + 1 + kMostKind && (by.uid.empty() || is_uid(by.uid));
}

/// Kinds whose objects are made by another, as pods are, to make pods.
bool is_made(std::string_view api_version, std::string_view kind) {
  return (kind == "ReplicaSet" && api_version.starts_with("apps/")) ||
         (kind == "Job" && api_version.starts_with("batch/"));
}

}  // namespace

bool is_uid(std::string_view text) {
  constexpr std::size_t kMostUid = 64;
  return !text.empty() && text.size() <= kMostUid && !text.ends_with('-') &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos;
}

Texts::Id Texts::id(std::string_view text) {
  if (const auto at = known_.find(text); at != known_.end()) return at->second;
  if (text.size() > left_ || blocks_.empty()) {
    left_ = std::max(kBlock, text.size());
    blocks_.push_back(std::make_unique<char[]>(left_));
    block_ = blocks_.back().get();
  }
  if (!text.empty()) std::memcpy(block_, text.data(), text.size());
  const std::string_view kept(block_, text.size());
  block_ += text.size();
  left_ -= text.size();
  const auto id = static_cast<Id>(all_.size());
  bytes_ += text.size() + kEntry;
  all_.push_back(kept);
  known_.emplace(kept, id);
  return id;
}

Owners::Owners() { texts.id(""); }

std::string Owners::key(std::uint32_t space, std::string_view uid, std::string_view kind,
                        std::string_view name) {
  return uid.empty() ? fmt::format("{}/{}/{}", space, kind, name)
                     : fmt::format("{}/{}", space, uid);
}

Owner::Index Owners::at(std::uint32_t space, std::string_view uid, std::string_view api_version,
                        std::string_view kind, std::string_view name) {
  const auto [at, is_new] =
      by_uid_.try_emplace(key(space, uid, kind, name), static_cast<Owner::Index>(all_.size()));
  if (is_new) {
    Owner& owner = all_.emplace_back();
    owner.api_version = texts.id(api_version);
    owner.kind = texts.id(kind);
    owner.name = name;
    owner.uid = uid;
    owner.space = space;
    owner.made = is_made(api_version, kind);
  }
  return at->second;
}

Owner::Index Owners::of_object(std::uint32_t space, const codec::ListedObject& object,
                               std::string_view api_version, std::string_view kind) {
  const Owner::Index index = at(space, object.uid, api_version, kind, object.name);
  Owner& owner = all_[index];
  if (!owner.listed) {
    // What others say of it may be of an older version.
    owner.api_version = texts.id(api_version);
    owner.kind = texts.id(kind);
    owner.name = object.name;
    owner.made = is_made(api_version, kind);
  }
  return index;
}

Owner::Index Owners::controller_of(std::uint32_t space, const codec::ListedObject& object) {
  // A pod of a node's own files is controlled by the node, of which there is nothing to judge.
  if (!object.controller || object.controller->kind == "Node" || !is_sound(*object.controller))
    return Owner::kNone;
  const codec::Controller& by = *object.controller;
  const Owner::Index index = at(space, by.uid, by.api_version, by.kind, by.name);
  if (auto deployment = codec::deployment_of(object)) told_.emplace(index, *std::move(deployment));
  return index;
}

void Owners::set_controller(Owner::Index owner, std::uint32_t space,
                            const codec::ListedObject& object) {
  if (!object.controller || !is_sound(*object.controller)) return;
  const codec::Controller& by = *object.controller;
  all_[owner].controlled_by = texts.id(fmt::format("{} {}", by.kind, by.name));
  if (by.kind != "Node")
    all_[owner].controller = at(space, by.uid, by.api_version, by.kind, by.name);
}

std::size_t Owners::room_of(const Owner& owner) const {
  const bool many = texts.bytes() + kept_ * sizeof(KeptFinding) >= kMostBytes;
  return std::max(owner.findings.size(), many ? Owner::kFewFindings : Owner::kMostFindings);
}

void Owners::keep(Owner& owner, const std::vector<KeptFinding>& findings) {
  const std::size_t before = owner.findings.size(), room = room_of(owner);
  merge(owner.findings, findings);
  if (owner.findings.size() > room) {
    owner.left_out += static_cast<std::uint32_t>(owner.findings.size() - room);
    owner.findings.resize(room);
  }
  kept_ += owner.findings.size();
  kept_ -= before;
}

bool Owners::first_time(std::uint32_t space, const codec::ListedObject& pod) {
  return pods_.insert(key(space, pod.uid, "Pod", pod.name)).second;
}

void Owners::add_own(Owner& owner, Judged judged) {
  owner.has_template = judged.pods;  // a custom resource may leave its out
  owner.exempt = judged.exempt;
  owner.left_out += judged.left_out;
  owner.patch = judged.patch;
  for (KeptFinding& finding : judged.findings) finding.own = true;
  sort(judged.findings);
  keep(owner, judged.findings);
  merge(owner.failed, judged.failed);
}

void Owners::add_pod(Owner& owner, Judged judged) {
  ++owner.pods;
  if (judged.exempt) ++owner.exempt_pods;
  owner.left_out += judged.left_out;
  sort(judged.findings);
  for (KeptFinding& finding : judged.findings) finding.pods = 1;
  keep(owner, judged.findings);
  merge(owner.failed, judged.failed);
}

// What makes pods without end, such as a StatefulSet, stands for itself where nothing is known of
// what controls it; what was made to make pods once does not.
Owner::Index Owners::root_of(Owner::Index index) const {
  Owner::Index root = index;
  for (int i = 0; i < kMostControllers; ++i) {
    const Owner& owner = all_[root];
    if (owner.controller == Owner::kNone) return root;
    if (!all_[owner.controller].listed && owner.listed && !owner.made) return root;
    root = owner.controller;
  }
  return index;
}

// The ReplicaSet may be younger than the list of them, or the list may be forbidden.
void Owners::adopt_by_name() {
  std::map<std::pair<std::uint32_t, std::string_view>, Owner::Index> deployments;
  const auto kind = texts.id("Deployment");
  for (Owner::Index i = 0; i < all_.size(); ++i)
    if (all_[i].kind == kind)
      deployments.emplace(std::pair(all_[i].space, std::string_view(all_[i].name)), i);
  for (const auto& [index, name] : told_) {
    Owner& set = all_[index];
    if (set.listed) continue;
    const auto [at, is_new] = deployments.try_emplace({set.space, name}, index);
    if (!is_new) {
      set.controller = at->second;
      continue;
    }
    // It stands for the Deployment, whose uid nobody has said.
    set.kind = kind;
    set.name = name;
    set.uid.clear();
  }
}

std::vector<const Owner*> Owners::settle(const std::vector<std::uint32_t>& rank) {
  adopt_by_name();
  const Texts::Id no_patch = texts.id("[]");
  std::vector<const Owner*> roots;
  std::vector<Owner::Index> root(all_.size());
  for (Owner::Index i = 0; i < all_.size(); ++i) root[i] = root_of(i);
  for (Owner::Index i = 0; i < all_.size(); ++i) {
    Owner& child = all_[i];
    if (root[i] == i) continue;
    Owner& owner = all_[root[i]];
    owner.pods += child.pods;
    owner.exempt_pods += child.exempt_pods;
    // Where the owner was read it says what its other pods will be, if it makes any more, and the
    // child's template only what is different.
    const auto via = texts.id(fmt::format("{} {}", texts[child.kind], child.name));
    for (KeptFinding& finding : child.findings) {
      if (finding.own && owner.listed) finding.via = via;
      finding.own = finding.own && !owner.listed;
      finding.patch = no_patch;  // it is for another object
    }
    keep(owner, child.findings);
    merge(owner.failed, child.failed);
    owner.left_out += child.left_out;
    owner.active = owner.active || child.active;
    kept_ -= child.findings.size();
    child.findings = {};
  }
  for (Owner::Index i = 0; i < all_.size(); ++i)
    if (root[i] == i && (all_[i].active || all_[i].pods > 0)) roots.push_back(&all_[i]);
  std::ranges::sort(roots, [&](const Owner* a, const Owner* b) {
    return std::tuple(rank[a->space], texts[a->kind], std::string_view(a->name),
                      texts[a->api_version], std::string_view(a->uid)) <
           std::tuple(rank[b->space], texts[b->kind], std::string_view(b->name),
                      texts[b->api_version], std::string_view(b->uid));
  });
  return roots;
}

}  // namespace plimsoll::app
