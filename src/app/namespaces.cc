#include "app/namespaces.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>

namespace plimsoll::app {
namespace {

// A watch that is well is never so far behind; one that is not asks again.
constexpr std::chrono::seconds kKeepFetched{30};

}  // namespace

Namespaces::Namespaces(std::shared_ptr<const policy::Policy> policy, Fetch fetch,
                       std::function<Clock::time_point()> now)
    : policy_(std::move(policy)), fetch_(std::move(fetch)), now_(std::move(now)) {}

Namespaces::Held Namespaces::resolve(const std::string& name, const Labels& labels) const {
  return std::make_shared<const policy::NamespacePolicy>(policy::resolve(*policy_, name, labels));
}

Namespaces::Held Namespaces::find(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  const auto at = entries_.find(name);
  if (at == entries_.end()) return nullptr;
  const Entry& entry = at->second;
  return entry.end == Clock::time_point::max() || entry.end > now_() ? entry.held : nullptr;
}

void Namespaces::replace(const std::map<std::string, SharedLabels>& all) {
  std::unordered_map<std::string, Entry> entries;
  for (const auto& [name, labels] : all) entries.emplace(name, Entry{resolve(name, *labels)});
  const std::unique_lock lock(mutex_);
  entries_.swap(entries);
}

void Namespaces::change(const std::string& name, const SharedLabels& labels) {
  if (labels == nullptr) {
    const std::unique_lock lock(mutex_);
    entries_.erase(name);
    return;
  }
  Entry entry{resolve(name, *labels)};
  const std::unique_lock lock(mutex_);
  entries_.insert_or_assign(name, std::move(entry));
}

void Namespaces::fetch(const std::string& name, Clock::time_point deadline,
                       std::function<void(Result<Held>)> done) {
  fetch_(name, deadline, [this, name, done = std::move(done)](const Result<SharedLabels>& labels) {
    if (!labels) return done(labels.error());
    if (*labels == nullptr) {
      Error error;
      error.message = fmt::format("there is no namespace \"{}\"", name);
      return done(error);
    }
    Held held = resolve(name, **labels);
    {
      const std::unique_lock lock(mutex_);
      Entry& entry =
          entries_.try_emplace(name, Entry{nullptr, Clock::time_point::min()}).first->second;
      // The watch knows better.
      if (entry.end != Clock::time_point::max()) entry = {held, now_() + kKeepFetched};
    }
    done(std::move(held));
  });
}

std::size_t Namespaces::count() const {
  const std::shared_lock lock(mutex_);
  return entries_.size();
}

}  // namespace plimsoll::app
