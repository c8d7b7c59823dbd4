// The sections of the benchmark, one file each.
#pragma once

#include <span>

#include "cis/item.h"

namespace plimsoll::cis {

std::span<const Item> host_items();       ///< 1
std::span<const Item> daemon_items();     ///< 2
std::span<const Item> file_items();       ///< 3
std::span<const Item> image_items();      ///< 4
std::span<const Item> container_items();  ///< 5
std::span<const Item> operation_items();  ///< 6
std::span<const Item> swarm_items();      ///< 7

}  // namespace plimsoll::cis
