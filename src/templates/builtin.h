// The templates that come with Plimsoll, as YAML text. CMake embeds the files of builtin/.
//
// Ownership: static storage. Thread-safety: constants.
#pragma once

#include <span>
#include <string_view>

namespace plimsoll::templates {

struct BuiltinFile {
  std::string_view name;  ///< such as `builtin/baseline.yaml`
  std::string_view text;
};

/// Every builtin file, sorted by name.
std::span<const BuiltinFile> builtin_files();

}  // namespace plimsoll::templates
