#include "app/input_files.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

bool is_manifest(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

class Excluded {
 public:
  explicit Excluded(const std::vector<std::string>& globs) {
    for (std::string_view glob : globs) {
      while (glob.starts_with("./")) glob.remove_prefix(2);
      while (glob.ends_with('/')) glob.remove_suffix(1);
      if (!glob.empty()) globs_.emplace_back(glob);
    }
  }

  /// `below`: the path as it is below the folder that was given, or as it was given itself.
  [[nodiscard]] bool operator()(std::string_view below) const {
    while (below.starts_with("./")) below.remove_prefix(2);
    while (below.size() > 1 && below.ends_with('/')) below.remove_suffix(1);
    const std::string path(below);
    const std::string name = fs::path(path).filename().string();
    return std::ranges::any_of(globs_, [&](const std::string& glob) {
      if (glob.find('/') == std::string::npos) return matches(glob, name);
      // `**/x` means x in the folder itself as well.
      return matches(glob, path) ||
             (glob.starts_with("**/") &&
              (matches(glob.substr(3), path) ||
               (glob.find('/', 3) == std::string::npos && matches(glob.substr(3), name))));
    });
  }

 private:
  static bool matches(const std::string& glob, const std::string& text) {
    const int flags = glob.find("**") == std::string::npos ? FNM_PATHNAME : 0;
    return ::fnmatch(glob.c_str(), text.c_str(), flags) == 0;
  }

  std::vector<std::string> globs_;
};

Error about_folder(const fs::path& folder, std::string message) {
  Error error;
  error.file = folder.string();
  error.message = std::move(message);
  return error;
}

/// A folder that was given, and what was found in it.
struct Walk {
  const Excluded& excluded;
  fs::path top;
  std::vector<Input>& out;
  bool left_out = false;  ///< something was excluded

  // A link that leads nowhere is an input like others, so that reading it says what is wrong.
  void open(const fs::path& folder) {
    std::error_code problem;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator at(folder, problem);
    for (; !problem && at != fs::directory_iterator(); at.increment(problem))
      entries.push_back(*at);
    if (problem)
      out.push_back(about_folder(folder, fmt::format("cannot be read: {}", problem.message())));
    std::ranges::sort(entries);
    for (const auto& entry : entries) {
      std::error_code ignored;
      const bool is_folder = fs::is_directory(entry.symlink_status(ignored));
      if (!is_folder && !is_manifest(entry.path())) continue;
      if (excluded(entry.path().lexically_relative(top).string())) {
        left_out = true;
        continue;
      }
      const auto leads_to = entry.status(ignored);
      if (is_folder)
        open(entry.path());
      else if (fs::is_regular_file(leads_to) || !fs::exists(leads_to))
        out.push_back(entry.path().string());
    }
  }
};

}  // namespace

std::vector<Input> inputs_of(const std::vector<std::string>& paths,
                             const std::vector<std::string>& exclude) {
  const Excluded excluded(exclude);
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (path != "-" && excluded(path)) continue;
    if (path == "-" || !fs::is_directory(path, ignored)) {
      inputs.push_back(path);
      continue;
    }
    const auto before = inputs.size();
    Walk walk{excluded, path, inputs};
    walk.open(path);
    if (inputs.size() > before || walk.left_out) continue;
    Error error = about_folder(path, "holds no file that ends in .yaml, .yml or .json");
    error.remedy = "name the files, or pipe them in with -";
    inputs.push_back(std::move(error));
  }
  return inputs;
}

}  // namespace plimsoll::app
