// Section 6: what piles up on a host.
#include <set>

#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

void image_sprawl(const Host& host, Said& said) {
  if (!host.images) return said.not_seen(host.images.why);
  const std::set<std::string_view> used(host.used_images.begin(), host.used_images.end());
  const auto active = std::ranges::count_if(
      *host.images, [&](const Image& image) { return used.contains(image.id); });
  said.say(ItemStatus::Info,
           fmt::format("{} images, {} of them used by containers", host.images->size(), active));
}

void container_sprawl(const Host& host, Said& said) {
  said.say(ItemStatus::Info, fmt::format("{} containers, {} of them running",
                                         host.daemon.containers, host.daemon.running));
}

constexpr Item kItems[] = {
    item<"6.1">(Low,
                {"Images that nobody uses are removed",
                 "An old image that is started by mistake brings its old flaws.",
                 "`docker image prune --all` removes those without a container."},
                image_sprawl),
    item<"6.2">(Low,
                {"Containers that nobody uses are removed",
                 "What is stopped and forgotten keeps its data, and can be started again.",
                 "`docker container prune` removes those that do not run."},
                container_sprawl),
};

}  // namespace

std::span<const Item> operation_items() { return kItems; }

}  // namespace plimsoll::cis
