// What all users of the API share: paths, errors in words, lists in pages.
//
// Thread-safety: stateless.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

/// Metadata alone, from servers that can leave the rest away (all since 1.15); else whole objects.
inline constexpr std::string_view kMetadata =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
inline constexpr std::string_view kMetadataList =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// The text as one segment of a path or one value of a query.
std::string percent_encoded(std::string_view text);

/// `/api/v1/namespaces/web/pods/a`. An empty group is the core group, an empty namespace the
/// cluster's scope or all namespaces, an empty name the list.
std::string path_of(std::string_view group, std::string_view version, std::string_view resource,
                    std::string_view space, std::string_view name);

/// The verb and resource that RBAC would have to allow for the request, such as `list pods` or
/// `patch secrets/web (resource name)`; empty: the path is none of the API's objects.
std::string permission_of(const Request& request);

/// One line of what the answer, which is not 2xx, says: the request, the status, and the message of
/// the Status in its body, without control characters; and what to do.
Error api_error(const Request& request, const Response& response);

/// As send(), but ends when a stop is requested, with an error. The timeout bounds all of it;
/// `max_body` is in bytes.
Result<Response> send_until(Transport& transport, const Request& request,
                            const std::stop_token& stop, std::size_t max_body = 64UL * 1024 * 1024);

/// What the reader of a page found in it.
struct Page {
  std::string continue_token;  ///< its metadata.continue
  std::size_t items = 0;
};

struct PageLimits {
  std::size_t page_size = 500;
  std::size_t max_items = 500;                     ///< no more are asked for
  std::chrono::steady_clock::time_point deadline;  ///< no page is waited for longer
  std::string_view accept = "application/json";    ///< media types of a page, best first
};

struct Listed {
  std::size_t items = 0;
  bool cut = false;  ///< there are more that were not seen
};

/// Lists, page by page. `path` may have a query, without limit and continue. Errors: of the first
/// page, of `each`, and of a later page unless the deadline is over or its token has expired: then
/// the list is cut.
Result<Listed> list_pages(Transport& transport, std::string_view path, const PageLimits& limits,
                          const std::function<Result<Page>(std::string_view body)>& each);

}  // namespace plimsoll::kube
