// The environment's variables, passed in so that tests need not change their own.
#pragma once

#include <functional>
#include <string>

namespace plimsoll::kube {

/// The value of the variable; empty: it is not set, or to nothing. Must be callable from any
/// thread.
using Environment = std::function<std::string(const std::string& name)>;

/// The environment of this process.
Environment process_environment();

}  // namespace plimsoll::kube
