#include "kube/namespace_fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kube/objects.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Callers that join may wait for longer than the first one.
constexpr milliseconds kLongestRequest{30'000};
constexpr std::size_t kMaxBody = 4UL * 1024 * 1024;

Error error_of(const std::string& name, std::string_view problem) {
  Error error;
  error.message = fmt::format("namespace {}: {}", name, problem);
  return error;
}

}  // namespace

NamespaceFetcher::NamespaceFetcher(Transport& transport, std::size_t threads,
                                   std::size_t max_waiting)
    : transport_(transport), max_waiting_(max_waiting) {
  threads_.emplace_back([this](const std::stop_token& stop) { keep_deadlines(stop); });
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

NamespaceFetcher::~NamespaceFetcher() {
  std::map<std::string, std::shared_ptr<Asked>> left;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    left.swap(asked_);
    waiting_.clear();
  }
  for (const auto& [name, asked] : left) {
    asked->stop.request_stop();
    for (const Caller& caller : asked->callers) caller.done(error_of(name, "the server is ending"));
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

void NamespaceFetcher::fetch(std::string name, steady_clock::time_point deadline, Done done) {
  if (name.empty()) return done(std::shared_ptr<const Labels>());  // its path would be the list's
  std::string problem;
  {
    const std::lock_guard lock(mutex_);
    const auto at = asked_.find(name);
    if (ending_) {
      problem = "the server is ending";
    } else if (steady_clock::now() >= deadline) {
      problem = "not answered in time";
    } else if (at == asked_.end() && waiting_.size() >= max_waiting_) {
      problem = fmt::format("{} others are waited for already", waiting_.size());
    } else {
      auto& asked = at == asked_.end() ? asked_[name] : at->second;
      if (!asked) {
        asked = std::make_shared<Asked>();
        waiting_.push_back(name);
        work_.notify_one();
      }
      asked->callers.push_back({deadline, std::move(done)});
      ++calls_;
      deadlines_.notify_one();
      return;
    }
  }
  done(error_of(name, problem));
}

NamespaceFetcher::Answer NamespaceFetcher::ask(const std::string& name,
                                               steady_clock::time_point until,
                                               const std::stop_token& stop) const {
  Request request;
  request.path = path_of("", "v1", "namespaces", "", name);
  request.accept = kMetadata;
  request.timeout =
      std::max(std::chrono::ceil<milliseconds>(until - steady_clock::now()), milliseconds(1));
  const auto response = send_until(transport_, request, stop, kMaxBody);
  if (!response) return response.error();
  if (response->status == 404) return {nullptr};
  if (response->status != 200) return api_error(request, *response);
  auto object = read_namespace(response->body);
  if (!object) return error_of(name, object.error().message);
  if (object->name != name)
    return error_of(name, fmt::format("the API server answers with \"{}\"", object->name));
  return std::move(object->labels);
}

void NamespaceFetcher::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!work_.wait(lock, stop, [&] { return !waiting_.empty(); })) return;
    const std::string name = std::move(waiting_.front());
    waiting_.pop_front();
    const std::shared_ptr<Asked> asked = asked_.at(name);
    asked->sent = true;
    lock.unlock();
    const Answer answer = ask(name, steady_clock::now() + kLongestRequest, asked->stop.get_token());
    std::vector<Caller> callers;
    lock.lock();
    // Else it was given up, and the name may be asked for once more by now.
    if (const auto at = asked_.find(name); at != asked_.end() && at->second == asked) {
      callers.swap(asked->callers);
      asked_.erase(at);
    }
    lock.unlock();
    for (const Caller& caller : callers) caller.done(answer);
    callers.clear();  // what they hold may take its time
    lock.lock();
  }
}

void NamespaceFetcher::keep_deadlines(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const auto now = steady_clock::now();
    auto next = steady_clock::time_point::max();
    std::vector<std::pair<std::string, Caller>> late;
    for (auto at = asked_.begin(); at != asked_.end();) {
      const auto& [name, asked] = *at;
      std::erase_if(asked->callers, [&, &its_name = name](Caller& caller) {
        if (caller.deadline > now) {
          next = std::min(next, caller.deadline);
          return false;
        }
        late.emplace_back(its_name, std::move(caller));
        return true;
      });
      if (!asked->callers.empty()) {
        ++at;
        continue;
      }
      // Nobody waits for it any more: its thread has better to do.
      if (!asked->sent) std::erase(waiting_, name);
      asked->stop.request_stop();
      at = asked_.erase(at);
    }
    if (!late.empty()) {
      lock.unlock();
      for (const auto& [name, caller] : late)
        caller.done(error_of(name, "the API server has not answered in time"));
      late.clear();
      lock.lock();
      continue;  // others came meanwhile
    }
    const auto another = [&, known = calls_] { return calls_ != known; };
    if (next == steady_clock::time_point::max())
      deadlines_.wait(lock, stop, another);
    else
      deadlines_.wait_until(lock, stop, next, another);
  }
}

}  // namespace plimsoll::kube
