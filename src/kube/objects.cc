#include "kube/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace plimsoll::kube {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::size_t kMaxMessage = 1000;

std::string one_line(std::string_view text) {
  std::string out(text.substr(0, kMaxMessage));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
  const auto first = out.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return out.substr(first, out.find_last_not_of(' ') - first + 1);
}

std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    if (end > at) parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::string remedy_for(const Request& request, int status) {
  if (status == 401)
    return "the API server does not accept these credentials: check the service account's token or "
           "the kubeconfig's user";
  if (status == 403) {
    const std::string permission = permission_of(request);
    return fmt::format("allow it with a role{}{}", permission.empty() ? "" : ": ", permission);
  }
  if (status == 409) return "it was changed in the meantime: read it and try again";
  if (status == 429 || status >= 500) return "try again later";
  return "";
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  // A client or a proxy may take these for steps in the tree.
  if (out == ".") return "%2E";
  if (out == "..") return "%2E%2E";
  return out;
}

std::string path_of(std::string_view group, std::string_view version, std::string_view resource,
                    std::string_view space, std::string_view name) {
  std::string path = group.empty() ? "/api" : fmt::format("/apis/{}", percent_encoded(group));
  path += fmt::format("/{}", percent_encoded(version));
  if (!space.empty()) path += fmt::format("/namespaces/{}", percent_encoded(space));
  path += fmt::format("/{}", percent_encoded(resource));
  if (!name.empty()) path += fmt::format("/{}", percent_encoded(name));
  return path;
}

std::string permission_of(const Request& request) {
  const auto query = request.path.find('?');
  auto parts = split(std::string_view(request.path).substr(0, query), '/');
  const std::size_t head = !parts.empty() && parts[0] == "api" ? 2 : 3;
  if (parts.size() <= head || (parts[0] != "api" && parts[0] != "apis")) return "";
  const std::string_view group = head == 2 ? std::string_view() : parts[1];
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(head));
  std::string_view space;
  if (parts.size() > 2 && parts[0] == "namespaces") {
    space = parts[1];
    parts.erase(parts.begin(), parts.begin() + 2);
  }
  const bool named = parts.size() > 1;
  std::string resource(parts[0]);
  if (parts.size() > 2) resource += fmt::format("/{}", parts[2]);
  const std::string_view query_text = query == std::string::npos
                                          ? std::string_view()
                                          : std::string_view(request.path).substr(query);
  const bool watch = query_text.find("watch=true") != std::string_view::npos ||
                     query_text.find("watch=1") != std::string_view::npos;
  const std::string_view verb = request.method == "GET"     ? watch   ? "watch"
                                                              : named ? "get"
                                                                      : "list"
                                : request.method == "POST"  ? "create"
                                : request.method == "PUT"   ? "update"
                                : request.method == "PATCH" ? "patch"
                                                            : "delete";
  std::string out = fmt::format("{} {}", verb, resource);
  if (!group.empty()) out += fmt::format(".{}", group);
  if (named) out += fmt::format(" named {}", parts[1]);
  if (!space.empty()) out += fmt::format(" in namespace {}", space);
  return out;
}

Error api_error(const Request& request, const Response& response) {
  const json status = json::parse(response.body, nullptr, false);
  std::string message, reason;
  if (status.is_object() && text_at(status, "kind") == "Status") {
    message = text_at(status, "message");
    reason = text_at(status, "reason");
  } else {
    // Such as a proxy's own words.
    message = response.body.substr(0, 200);
  }
  Error error;
  error.message = fmt::format("{} {}: the API server answers {}", request.method,
                              request.path.substr(0, request.path.find('?')), response.status);
  if (!reason.empty()) error.message += fmt::format(" {}", one_line(reason));
  if (message = one_line(message); !message.empty()) error.message += fmt::format(": {}", message);
  error.remedy = remedy_for(request, response.status);
  return error;
}

Result<Response> send_until(Transport& transport, const Request& request,
                            const std::stop_token& stop, std::size_t max_body) {
  const auto error_of = [&](std::string_view problem) {
    Error error;
    error.message = fmt::format("{} {}: {}", request.method,
                                request.path.substr(0, request.path.find('?')), problem);
    return error;
  };
  const auto deadline = steady_clock::now() + request.timeout;
  std::string body;
  bool late = false, large = false;
  auto response = transport.stream(request, request.timeout, stop, [&](std::string_view bytes) {
    late = steady_clock::now() >= deadline;
    large = bytes.size() > max_body - body.size();
    if (late || large) return false;
    body += bytes;
    return true;
  });
  if (!response) return response;
  if (large) return error_of(fmt::format("the answer is larger than {} bytes", max_body));
  if (late) return error_of(fmt::format("no answer in time ({} ms)", request.timeout.count()));
  if (stop.stop_requested()) return error_of("stopped");
  if (response->status == 200) response->body = std::move(body);
  return response;
}

Result<Listed> list_pages(Transport& transport, std::string_view path, const PageLimits& limits,
                          const std::function<Result<Page>(std::string_view body)>& each) {
  Listed listed;
  std::string token;
  for (bool first = true;; first = false) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(limits.deadline - steady_clock::now());
    if (!first && (left.count() <= 0 || listed.items >= limits.max_items)) {
      listed.cut = true;
      return listed;
    }
    Request request;
    request.timeout = std::max(left, std::chrono::milliseconds(1));
    request.accept = limits.accept;
    const std::size_t room = limits.max_items - std::min(listed.items, limits.max_items);
    request.path = fmt::format("{}{}limit={}", path, path.find('?') == path.npos ? '?' : '&',
                               std::max<std::size_t>(std::min(limits.page_size, room), 1));
    if (!token.empty()) request.path += "&continue=" + percent_encoded(token);
    const auto response = transport.send(request);
    const bool late = steady_clock::now() >= limits.deadline;
    if (!first && ((!response && late) || (response && response->status == 410))) {
      listed.cut = true;
      return listed;
    }
    if (!response) return response.error();
    if (response->status != 200) return api_error(request, *response);
    auto page = each(response->body);
    if (!page) return page.error();
    listed.items += page->items;
    token = std::move(page->continue_token);
    if (token.empty()) return listed;
  }
}

}  // namespace plimsoll::kube
