// Answers that took time, on their way back to the connections that wait for them.
//
// Ownership: shared by a worker and by whoever may still answer, so that it outlives both.
// Thread-safety: post() from any thread; the rest on the worker's.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "server/http_server.h"

namespace plimsoll::server {

class Connection;

/// A connection that waits; null once it no longer does. For its worker's thread only.
struct Waiting {
  Connection* connection = nullptr;
};

class Mailbox {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Readable when something was posted, or wake() was called.
  [[nodiscard]] int event() const { return event_; }
  void wake() const;

  void post(std::shared_ptr<Waiting> waiting, Response response);

  using Letters = std::vector<std::pair<std::shared_ptr<Waiting>, Response>>;
  /// What was posted, and clears the event.
  Letters take();

 private:
  const int event_;
  std::mutex mutex_;
  Letters letters_;
};

}  // namespace plimsoll::server
