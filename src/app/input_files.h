// The files that paths on the command line mean.
//
// Thread-safety: stateless.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/result.h"

namespace plimsoll::app {

/// A file to read, `-` for standard input, or why there is none.
using Input = Result<std::string>;

/// The files of the paths in their order, those of a folder (.yaml, .yml, .json, at any depth)
/// sorted by name. As kubectl, no folder behind a symbolic link is entered: it may lead back.
/// `exclude`: globs as in a shell. One without a slash stands for the name of a file or folder,
/// one with a slash for a path below the folder that was given; of both, `**` matches slashes too.
/// What they match is left out, also a file that was named itself; a folder of which nothing is
/// left is an error.
std::vector<Input> inputs_of(const std::vector<std::string>& paths,
                             const std::vector<std::string>& exclude);

}  // namespace plimsoll::app
