#include "kube/namespaces.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "kube/objects.h"

namespace plimsoll::kube {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kFirstPause{800};
// A label that is raised while nothing is heard does not count yet.
constexpr milliseconds kLongestPause{10'000};
constexpr seconds kLongestRetryAfter{120};
constexpr milliseconds kListTimeout{60'000};
constexpr milliseconds kHeadTimeout{30'000};
// The API server sends a bookmark about once a minute.
constexpr milliseconds kLongestSilence{150'000};
constexpr seconds kBriefWatch{1};
constexpr int kShortestWatch = 300, kLongestWatch = 600;  // seconds
constexpr std::string_view kPath = "/api/v1/namespaces";

Error error_of(std::string message) {
  Error error;
  error.message = std::move(message);
  return error;
}

std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

const json& object_at(const json& object, const char* key) {
  static const json kEmpty = json::object();
  const auto at = object.find(key);
  return at != object.end() && at->is_object() ? *at : kEmpty;
}

/// Parses all but what can be large and is not needed.
json parse(std::string_view text) {
  const auto keep = [](int, json::parse_event_t event, json& parsed) {
    if (event != json::parse_event_t::key) return true;
    const auto& key = parsed.get_ref<const std::string&>();
    return key != "managedFields" && key != "annotations";
  };
  return json::parse(text.begin(), text.end(), keep, false);
}

Result<NamespaceObject> read_object(const json& object) {
  const json& metadata = object.is_object() ? object_at(object, "metadata") : object;
  NamespaceObject out;
  if (metadata.is_object()) out.name = text_at(metadata, "name");
  if (out.name.empty()) return error_of("a namespace has no name");
  out.resource_version = text_at(metadata, "resourceVersion");
  Labels labels;
  for (const auto& [key, value] : object_at(metadata, "labels").items())
    if (value.is_string()) labels.emplace(key, value.get<std::string>());
  out.labels = std::make_shared<const Labels>(std::move(labels));
  return out;
}

/// Whether `left` is not newer than `right`; false where they are no numbers.
bool not_newer(const std::string& left, const std::string& right) {
  std::uint64_t a = 0, b = 0;
  const auto whole = [](const std::string& text, std::uint64_t& to) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return error == std::errc() && end == text.data() + text.size();
  };
  return whole(left, a) && whole(right, b) && a <= b;
}

/// The server cannot serve this resourceVersion: history that is gone, or (after etcd was restored)
/// that has not come yet.
bool version_unknown(int status, std::string_view body) {
  return status == 410 ||
         (status == 504 && body.find("ResourceVersionTooLarge") != std::string_view::npos) ||
         (status == 504 && body.find("Too large resource version") != std::string_view::npos);
}

void really_wait(milliseconds pause, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, pause, [] { return false; });
}

}  // namespace

Result<NamespaceObject> read_namespace(std::string_view text) {
  const json object = parse(text);
  if (!object.is_object()) return error_of("the answer is not JSON");
  return read_object(object);
}

NamespaceWatcher::NamespaceWatcher(Transport& transport, NamespaceCallbacks callbacks,
                                   WatchTiming timing)
    : transport_(transport), callbacks_(std::move(callbacks)), timing_(std::move(timing)) {
  if (!timing_.random)
    timing_.random = [engine = std::mt19937_64(std::random_device()())]() mutable {
      return std::uniform_real_distribution<double>(0, 1)(engine);
    };
  if (!timing_.wait) timing_.wait = really_wait;
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

NamespaceWatcher::~NamespaceWatcher() = default;

WatchStats NamespaceWatcher::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void NamespaceWatcher::run(const std::stop_token& stop) {
  Next next = Next::List;
  while (!stop.stop_requested()) {
    const Ended ended = next == Next::List ? list(stop) : watch(stop);
    next = ended.next;
    if (ended.progress) in_a_row_ = 0;
    if (ended.failed && !stop.stop_requested()) pause(ended.retry_after, stop);
  }
}

void NamespaceWatcher::contact() {
  const std::lock_guard lock(mutex_);
  stats_.last_contact = timing_.now();
  stats_.last_error.clear();
}

NamespaceWatcher::Ended NamespaceWatcher::failed(const Error& error, Next next,
                                                 seconds retry_after) {
  const std::lock_guard lock(mutex_);
  ++stats_.failures;
  stats_.last_error = error.to_string();
  return {next, true, false, retry_after};
}

void NamespaceWatcher::pause(seconds retry_after, const std::stop_token& stop) {
  milliseconds pause = kFirstPause;
  for (unsigned i = 0; i < in_a_row_ && pause < kLongestPause; ++i) pause *= 2;
  pause = std::min(pause, kLongestPause);
  ++in_a_row_;
  pause += milliseconds(
      static_cast<std::int64_t>(timing_.random() * static_cast<double>(pause.count())));
  timing_.wait(std::max<milliseconds>(pause, std::min(retry_after, kLongestRetryAfter)), stop);
}

NamespaceWatcher::Ended NamespaceWatcher::list(const std::stop_token& stop) {
  LabelsByNamespace all;
  std::string version, token;
  // From the cache, which takes no notice of a limit; and in pages only from etcd, where a limit
  // together with a version would ask for just that version.
  const std::string from = consistent_ ? "" : version_.empty() ? "0" : version_;
  bool paged = from.empty() || from == "0";
  for (;;) {
    Request request;
    request.path = fmt::format("{}?resourceVersion={}", kPath, percent_encoded(from));
    if (from.empty() || !token.empty()) request.path = kPath;
    if (paged)
      request.path +=
          fmt::format("{}limit={}", request.path.size() > kPath.size() ? '&' : '?', kPageSize);
    if (!token.empty()) request.path += "&continue=" + percent_encoded(token);
    request.accept = kMetadataList;
    request.timeout = kListTimeout;
    const auto response = send_until(transport_, request, stop);
    if (stop.stop_requested()) return {};
    if (!response) return failed(response.error(), Next::List);
    if (version_unknown(response->status, response->body)) {
      if (!token.empty()) {
        // The pages took longer than etcd keeps history: all in one.
        all.clear();
        version.clear();
        token.clear();
        paged = false;
        continue;
      }
      if (!from.empty()) {
        consistent_ = true;
        return list(stop);
      }
    }
    if (response->status != 200)
      return failed(api_error(request, *response), Next::List, response->retry_after);
    const json page = parse(response->body);
    const auto items = page.is_object() ? page.find("items") : page.end();
    const json& metadata = page.is_object() ? object_at(page, "metadata") : page;
    // An empty list may have no items at all, but its version is there.
    if (!page.is_object() || text_at(metadata, "resourceVersion").empty() ||
        (items != page.end() && !items->is_array() && !items->is_null()))
      return failed(error_of(fmt::format("GET {}: the answer is not a list", kPath)), Next::List);
    if (version.empty()) version = text_at(metadata, "resourceVersion");
    if (items != page.end())
      for (const json& item : *items) {
        auto object = read_object(item);
        if (!object) return failed(object.error(), Next::List);
        all.insert_or_assign(std::move(object->name), std::move(object->labels));
      }
    contact();
    token = text_at(metadata, "continue");
    if (token.empty()) break;
  }
  version_ = std::move(version);
  consistent_ = false;
  callbacks_.replaced(std::move(all));
  synced_ = true;
  const std::lock_guard lock(mutex_);
  ++stats_.lists;
  return {};
}

NamespaceWatcher::Ended NamespaceWatcher::watch(const std::stop_token& stop) {
  const int lasts =
      kShortestWatch + static_cast<int>(timing_.random() * (kLongestWatch - kShortestWatch));
  Request request;
  request.path =
      fmt::format("{}?watch=true&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
                  kPath, percent_encoded(version_), lasts);
  request.accept = kMetadata;
  request.timeout = kHeadTimeout;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.watches;
  }
  const auto began = timing_.now();
  std::string line;
  Ended ended;
  std::optional<Ended> broken;
  bool begun = false;
  const auto response =
      transport_.stream(request, kLongestSilence, stop, [&](std::string_view bytes) {
        if (!std::exchange(begun, true)) contact();
        while (!bytes.empty()) {
          const auto end = bytes.find('\n');
          line += bytes.substr(0, end);
          if (line.size() > kMaxLine) {
            broken = failed(error_of(fmt::format("watch of {}: an event is larger than {} bytes",
                                                 kPath, kMaxLine)),
                            Next::List);
            return false;
          }
          if (end == std::string_view::npos) break;
          bytes.remove_prefix(end + 1);
          if (line.find_first_not_of(" \t\r") != std::string::npos && !take_line(line, ended)) {
            broken = ended;
            return false;
          }
          line.clear();
        }
        return true;
      });
  if (stop.stop_requested()) return {};
  // A server that ends or breaks what has hardly begun, again and again, is not to make a storm.
  const bool brief = timing_.now() - began < kBriefWatch;
  ended.progress = ended.progress || (begun && !brief);
  if (broken) {
    broken->progress = ended.progress;
    return *broken;
  }
  if (!response) {
    // Whatever broke it, the server may be another now, with an older store: a watch from a version
    // that is yet to come would be silent for ever.
    Ended again = failed(response.error(), Next::List);
    again.progress = ended.progress;
    return again;
  }
  if (response->status == 200) {
    contact();  // it ended by itself
    ended.failed = !ended.progress && brief;
    return ended;
  }
  const Error error = api_error(request, *response);
  if (version_unknown(response->status, response->body)) {
    // Listing is the answer, at once; but not over and over.
    consistent_ = consistent_ || response->status != 410;
    Ended anew = failed(error, Next::List);
    anew.failed = in_a_row_ > 0;
    if (!anew.failed) ++in_a_row_;
    return anew;
  }
  const bool passing = response->status == 429 || response->status >= 500;
  return failed(error, passing ? Next::Watch : Next::List, response->retry_after);
}

bool NamespaceWatcher::take_line(std::string_view line, Ended& ended) {
  const json event = parse(line);
  const std::string type = event.is_object() ? text_at(event, "type") : "";
  const json& object = event.is_object() ? object_at(event, "object") : event;
  if (type == "ERROR") {
    Response response;
    const auto code = object.find("code");
    response.status = code != object.end() && code->is_number_integer() ? code->get<int>() : 500;
    response.body = object.dump(-1, ' ', false, json::error_handler_t::replace);
    Request request;
    request.path = std::string(kPath) + "?watch=true";
    const bool unknown = version_unknown(response.status, response.body);
    consistent_ = consistent_ || (unknown && response.status != 410);
    const bool progress = ended.progress;
    ended = failed(api_error(request, response), response.status == 429 ? Next::Watch : Next::List);
    ended.progress = progress;
    if (unknown && (progress || in_a_row_ == 0)) {
      ended.failed = false;
      if (!progress) ++in_a_row_;
    }
    return false;
  }
  const std::string version = text_at(object_at(object, "metadata"), "resourceVersion");
  const bool bookmark = type == "BOOKMARK";
  const bool known = bookmark || type == "ADDED" || type == "MODIFIED" || type == "DELETED";
  if (!known || version.empty()) {
    ended = failed(error_of(fmt::format("watch of {}: a line is not an event", kPath)), Next::List);
    return false;
  }
  Result<NamespaceObject> read =
      bookmark ? Result<NamespaceObject>(NamespaceObject{}) : read_object(object);
  if (!read) {
    ended = failed(read.error(), Next::List);
    return false;
  }
  contact();
  ended.progress = true;
  // What is older than what is known says nothing any more.
  if (not_newer(version, version_)) return true;
  version_ = version;
  if (!bookmark)
    callbacks_.changed(std::move(read->name), type == "DELETED" ? nullptr : read->labels);
  return true;
}

}  // namespace plimsoll::kube
