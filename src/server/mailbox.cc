#include "server/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace plimsoll::server {

Mailbox::Mailbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Mailbox::~Mailbox() { ::close(event_); }

void Mailbox::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(event_, &one, sizeof one));
}

void Mailbox::post(std::shared_ptr<Waiting> waiting, Response response) {
  {
    const std::lock_guard lock(mutex_);
    letters_.emplace_back(std::move(waiting), std::move(response));
  }
  wake();
}

Mailbox::Letters Mailbox::take() {
  std::uint64_t ignored = 0;
  static_cast<void>(!::read(event_, &ignored, sizeof ignored));
  const std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

}  // namespace plimsoll::server
