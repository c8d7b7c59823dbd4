// The files that a replay reads: which they are, and in which order.
//
// Thread-safety: stateless.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/input_files.h"

namespace plimsoll::app {

/// The files of the paths in their order, those of a folder the oldest first. No folder behind a
/// link is entered, and no file is there twice. What is not read is said on standard error.
std::vector<Input> recordings_of(const std::vector<std::string>& paths);

/// Bytes of the files whose size is known.
std::uint64_t size_of(const std::vector<Input>& inputs);

}  // namespace plimsoll::app
