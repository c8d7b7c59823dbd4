#include "kube/collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "kube/objects.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Pages in a row that hold nothing and lead on: more are no list that comes to an end.
constexpr unsigned kMostEmpty = 10;
// And of one list in all: no etcd has room for as many objects as so many full pages hold.
constexpr std::size_t kMostPages = 4'000;

void really_wait(milliseconds pause, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, pause, [] { return false; });
}

/// The token with which a collection goes on in a later state, if the server gives one.
/// Source: k8s.io/apiserver pkg/storage/etcd3/store.go, handleExpiredResourceVersion.
std::string later_token(const std::string& body) {
  const auto status = nlohmann::json::parse(body, nullptr, false);
  const auto at = status.is_object() ? status.find("metadata") : status.end();
  if (!status.is_object() || at == status.end() || !at->is_object()) return "";
  const auto token = at->find("continue");
  return token != at->end() && token->is_string() ? token->get<std::string>() : "";
}

Error stopped() {
  Error error;
  error.message = "stopped";
  return error;
}

}  // namespace

CollectionReader::CollectionReader(Transport& transport, Patience patience, std::stop_token stop,
                                   Note note, Wait wait)
    : transport_(transport),
      patience_(patience),
      stop_(std::move(stop)),
      note_(std::move(note)),
      wait_(wait ? std::move(wait) : Wait(really_wait)) {}

// A server that has just started refuses what it has not read the roles for.
bool CollectionReader::may_pass(int status) const {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504 ||
         (coming_ && (status == 401 || status == 403));
}

Result<Response> CollectionReader::ask(const Request& request, std::size_t max_body, bool& large) {
  body_.clear();
  if (stop_.stop_requested()) return stopped();
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = begin + request.timeout;
  bool late = false;
  large = false;
  auto response = transport_.stream(request, request.timeout, stop_, [&](std::string_view bytes) {
    late = std::chrono::steady_clock::now() >= deadline;
    large = bytes.size() > max_body - body_.size();
    if (late || large) return false;
    body_ += bytes;
    return true;
  });
  taken_ = std::chrono::steady_clock::now() - begin;
  if (stop_.stop_requested()) return stopped();
  const auto error_of = [&](std::string problem) {
    Error error;
    error.message = fmt::format("{} {}: {}", request.method,
                                request.path.substr(0, request.path.find('?')), problem);
    return error;
  };
  if (large) return error_of(fmt::format("the answer is larger than {} MiB", max_body >> 20));
  if (late)
    return error_of(fmt::format("no answer in time ({} s)", request.timeout.count() / 1000));
  if (!response) return response;
  if (response->status != 200) body_ = std::move(response->body);
  answered_ = true;
  return response;
}

// False: there is no time left to wait. What the last answer took counts as well.
bool CollectionReader::pause(std::chrono::seconds retry_after, nanoseconds& left,
                             milliseconds& next) const {
  const milliseconds pause = std::max<milliseconds>(next, retry_after);
  if (gone_ || pause > left || stop_.stop_requested()) return false;
  left -= pause + taken_;
  next = std::min(next * 2, patience_.longest_pause);
  wait_(pause, stop_);
  return !stop_.stop_requested();
}

Collected CollectionReader::read(std::string_view what, const std::string& path, const Each& each,
                                 std::string_view accept) {
  Collected collected;
  const std::string_view bare = std::string_view(path).substr(0, path.find('?'));
  std::string token;
  std::size_t page_size = patience_.page_size;
  unsigned restarts = 0, empty = 0;
  std::set<std::string> tokens;  // that pages gave
  nanoseconds left = patience_.pauses;
  milliseconds next = patience_.first_pause;
  for (;;) {
    Request request;
    request.accept = accept;
    request.timeout = patience_.request;
    request.path =
        fmt::format("{}{}limit={}", path, path.find('?') == path.npos ? '?' : '&', page_size);
    if (!token.empty()) request.path += "&continue=" + percent_encoded(token);
    bool large = false;
    const std::size_t most = page_size == 1 ? 4 * patience_.max_page : patience_.max_page;
    auto response = ask(request, most, large);
    const auto give_up = [&](Error error, int status) {
      collected.error = std::move(error);
      collected.status = status;
      return collected;
    };
    if (large && page_size > 1) {
      page_size = std::max<std::size_t>(page_size / 4, 1);
      continue;
    }
    if (large) return give_up(response.error(), 0);
    if (!response) {
      // A server that never answered is most likely another's address.
      if (!answered_ || !pause({}, left, next)) {
        gone_ = true;
        collected.unanswered = true;
        return give_up(response.error(), 0);
      }
      coming_ = true;
      continue;
    }
    gone_ = false;
    if (response->status == 410 && !token.empty() && restarts < patience_.restarts) {
      ++restarts;
      token = later_token(body_);
      tokens.clear();
      note_(token.empty()
                ? fmt::format("{}: the API server has dropped the state that the list began with; "
                              "it is read anew from its beginning",
                              what)
                : fmt::format("{}: the API server has dropped the state that the list began with; "
                              "the rest is read as it is now",
                              what));
      continue;
    }
    if (response->status != 200) {
      if (may_pass(response->status) && pause(response->retry_after, left, next)) continue;
      coming_ = false;
      response->body = std::move(body_);
      return give_up(api_error(request, *response), response->status);
    }
    coming_ = false;
    auto head = each(body_);
    // One object may be what cannot be read: the others need not be lost with it.
    if (!head && page_size > 1) {
      page_size = std::max<std::size_t>(page_size / 4, 1);
      continue;
    }
    if (!head) {
      Error error = head.error();
      error.message = fmt::format("GET {}: the answer cannot be read: {}", bare, error.to_string());
      error.field.clear();
      return give_up(std::move(error), 0);
    }
    left = patience_.pauses;
    next = patience_.first_pause;
    collected.items += head->items;
    token = std::move(head->continue_token);
    empty = head->items == 0 ? empty + 1 : 0;
    const auto broken = [&](std::string_view how) {
      Error error;
      error.message = fmt::format("GET {}: {}", bare, how);
      return give_up(std::move(error), 0);
    };
    if (token.empty() && head->remaining > 0)
      return broken(fmt::format("the list ends {} objects early", head->remaining));
    if (token.empty()) return collected;
    if (!tokens.insert(token).second)
      return broken("the list does not end: a page leads back to an earlier one");
    if (tokens.size() > kMostPages)
      return broken(fmt::format("the list does not end: more than {} pages", kMostPages));
    if (empty == kMostEmpty)
      return broken(fmt::format("the list does not end: {} pages without an object", empty));
  }
}

Result<Response> CollectionReader::get(const Request& asked) {
  nanoseconds left = patience_.pauses;
  milliseconds next = patience_.first_pause;
  Request request = asked;
  request.timeout = patience_.request;
  for (;;) {
    bool large = false;
    auto response = ask(request, patience_.max_page, large);
    if (!response) {
      if (large || !answered_ || !pause({}, left, next)) {
        gone_ = !large;
        return response;
      }
      coming_ = true;
      continue;
    }
    gone_ = false;
    if (may_pass(response->status) && pause(response->retry_after, left, next)) continue;
    coming_ = false;
    response->body = std::move(body_);
    return response;
  }
}

}  // namespace plimsoll::kube
