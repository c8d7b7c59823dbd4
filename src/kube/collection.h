// Reads a collection of the API to its end, however it is interrupted.
//
// Where list_pages() has a deadline, this has patience: a page that the API server does not give is
// asked for again after a pause, a state that it no longer has is left for a newer one, and a page
// that is too large is asked for in smaller ones. One page is held at a time.
// Ownership: borrows the transport. Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "kube/transport.h"
#include "plimsoll/result.h"

namespace plimsoll::kube {

/// What the reader of a page found in it.
struct PageHead {
  std::string continue_token;   ///< its metadata.continue
  std::uint64_t items = 0;      ///< in the page
  std::uint64_t remaining = 0;  ///< its metadata.remainingItemCount: at least so many come after it
};

struct Patience {
  std::size_t page_size = 500;
  std::size_t max_page = 16UL * 1024 * 1024;  ///< bytes; of a single object, four times as many
  std::chrono::milliseconds request{30'000};  ///< for one answer
  /// Of one page, all together, with the answers that were waited for in vain.
  std::chrono::milliseconds pauses{60'000};
  std::chrono::milliseconds first_pause{1'000}, longest_pause{10'000};
  unsigned restarts = 3;  ///< of one collection whose state the server has dropped
};

/// How the reading of a collection ended.
struct Collected {
  std::uint64_t items = 0;
  std::optional<Error> error;  ///< none: it was read whole
  int status = 0;              ///< of the answer that is the error; 0: it is none
  bool unanswered = false;     ///< the error is that nobody answered
};

class CollectionReader {
 public:
  /// Waits, or returns early when a stop is requested.
  using Wait = std::function<void(std::chrono::milliseconds pause, const std::stop_token& stop)>;
  using Note = std::function<void(const std::string& line)>;
  /// Reads a page, whose text it may change. May be given an object a second time, when a
  /// collection is begun anew.
  using Each = std::function<Result<PageHead>(std::string& page)>;

  /// `note` is told what was out of the ordinary and is over; `wait` empty: it really waits.
  CollectionReader(Transport& transport, Patience patience, std::stop_token stop, Note note,
                   Wait wait = {});

  /// `path` may have a query, without limit and continue. `what`: for messages, such as `pods`.
  Collected read(std::string_view what, const std::string& path, const Each& each,
                 std::string_view accept = "application/json");

  /// One request, with the same patience. An error: no answer; what it says is not looked at.
  Result<Response> get(const Request& request);

 private:
  /// An answer whose body is in body_.
  Result<Response> ask(const Request& request, std::size_t max_body, bool& large);
  [[nodiscard]] bool may_pass(int status) const;
  bool pause(std::chrono::seconds retry_after, std::chrono::nanoseconds& left,
             std::chrono::milliseconds& next) const;

  Transport& transport_;
  const Patience patience_;
  const std::stop_token stop_;
  const Note note_;
  const Wait wait_;
  std::chrono::nanoseconds taken_{0};  ///< by the last request
  bool answered_ = false;              ///< the server ever did
  bool gone_ = false;                  ///< it was waited for in vain, and has not answered since
  bool coming_ = false;                ///< it was away, and may not know yet who may do what
  std::string body_;                   ///< kept from page to page, so that memory stays as it is
};

}  // namespace plimsoll::kube
