#include "app/input_files.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

// As to kubectl, a file may be called `.yaml` alone.
bool is_manifest(const fs::path& path) {
  std::string name = path.filename().string();
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

// `./web.yaml` is `web.yaml`, as the viewers of reports know it.
std::string_view without_dot(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  return path;
}

class Excluded {
 public:
  explicit Excluded(const std::vector<std::string>& globs) {
    for (std::string_view text : globs) {
      while (text.ends_with('/')) text.remove_suffix(1);
      Glob glob;
      glob.of_path = text.find('/') != std::string_view::npos;
      glob.text = without_dot(text);
      // `**/x` is x at any depth, none included.
      constexpr std::string_view kAnywhere = "**/";
      if (glob.text.starts_with(kAnywhere) && glob.text.find('/', 3) == std::string::npos)
        glob = {glob.text.substr(kAnywhere.size()), false};
      if (!glob.text.empty()) globs_.push_back(std::move(glob));
    }
  }

  /// `below`: the path as it is below the folder that was given, or as it was given itself.
  [[nodiscard]] bool operator()(std::string_view below) const {
    const std::string path(without_dot(below));
    const std::string name = fs::path(path).filename().string();
    return std::ranges::any_of(globs_, [&](const Glob& glob) {
      return glob.of_path ? matches(glob.text, path) : matches(glob.text, name);
    });
  }

 private:
  struct Glob {
    std::string text;
    bool of_path = false;  ///< else of a name
  };

  static bool matches(const std::string& glob, const std::string& text) {
    const bool deep = glob.find("**") != std::string::npos;
    return ::fnmatch(glob.c_str(), text.c_str(), deep ? 0 : FNM_PATHNAME) == 0 ||
           (glob.starts_with("**/") && matches(glob.substr(3), text));
  }

  std::vector<Glob> globs_;
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
        out.push_back(std::string(without_dot(entry.path().native())));
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
    if (path == "-" || !fs::is_directory(path, ignored)) {
      if (path == "-" || !excluded(path)) inputs.push_back(path);
      continue;
    }
    const auto before = inputs.size();
    Walk walk{excluded, path, inputs};
    walk.open(path);
    if (inputs.size() > before) continue;
    // A slip in a glob must not look like a pass.
    Error error =
        about_folder(path, walk.left_out ? "--exclude leaves no file of it"
                                         : "holds no file that ends in .yaml, .yml or .json");
    error.remedy = "name the files, or pipe them in with -";
    inputs.push_back(std::move(error));
  }
  return inputs;
}

}  // namespace plimsoll::app
