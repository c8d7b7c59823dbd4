#include "app/recordings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "verdict/words.h"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

/// `audit.log.2.gz` is older than `audit.log.1`, and that than `audit.log`.
struct Age {
  std::string name;
  unsigned long rotation = 0;

  explicit Age(std::string path) : name(std::move(path)) {
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    // logrotate's dateext: the later the day, the younger, and the one without is the youngest.
    constexpr std::size_t kDay = 8;
    if (const auto dash = name.rfind('-');
        dash != std::string::npos && name.size() - dash == kDay + 1 &&
        name.find_first_not_of("0123456789", dash + 1) == std::string::npos) {
      rotation = 100'000'000 - std::stoul(name.substr(dash + 1));
      name.resize(dash);
      return;
    }
    const auto dot = name.rfind('.');
    if (dot == std::string::npos || dot + 1 == name.size() || name.size() - dot > 6 ||
        name.find_first_not_of("0123456789", dot + 1) != std::string::npos)
      return;
    rotation = std::stoul(name.substr(dot + 1));
    name.resize(dot);
  }
  bool operator<(const Age& other) const {
    return name != other.name ? name < other.name : rotation > other.rotation;
  }
};

/// Whether a file of a folder is looked into: its name has one of these words in it.
bool is_recording(const fs::path& path) {
  const std::string name = path.filename().string() + ".";
  const auto has = [&](std::string_view word) {
    for (auto at = name.find(word); at != std::string::npos; at = name.find(word, at + 1))
      if (std::string_view(".-_").find(name[at + word.size()]) != std::string_view::npos)
        return true;
    return false;
  };
  return !name.starts_with('.') &&
         std::ranges::any_of(std::array{".json", ".jsonl", ".ndjson", ".log", ".gz"}, has);
}

/// What of a folder was passed over, in a line.
void say_unread(const std::string& folder, std::size_t files, std::size_t links) {
  std::vector<std::string> words;
  if (files > 0) words.push_back(fmt::format("{} by their names", files));
  if (links > 0) words.push_back(fmt::format("{} linked folders", links));
  if (!words.empty())
    fmt::print(stderr, "plimsoll: note: {}: not read: {}\n", verdict::printable(folder),
               fmt::join(words, ", "));
}

Error no_file(const fs::path& path) {
  Error error;
  error.file = path.string();
  error.message = "is no regular file, and is not read";
  error.remedy = "name it itself if it is to be read";
  return error;
}

}  // namespace

std::vector<Input> recordings_of(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    std::error_code problem;
    if (path == "-" || !fs::is_directory(path, problem)) {
      inputs.push_back(path);
      continue;
    }
    std::vector<std::string> files;
    std::size_t unread = 0, links = 0;
    fs::recursive_directory_iterator at(path, problem);
    for (; !problem && at != fs::recursive_directory_iterator(); at.increment(problem)) {
      std::error_code ignored;
      const fs::file_type type = at->status(ignored).type();
      if (type == fs::file_type::directory) {
        if (at->is_symlink(ignored)) ++links;
        continue;
      }
      if (!is_recording(at->path())) {
        ++unread;
        continue;
      }
      // A pipe that nobody writes to would be waited for without end.
      if (type == fs::file_type::regular || type == fs::file_type::not_found)
        files.push_back(at->path().string());
      else
        inputs.push_back(no_file(at->path()));
    }
    say_unread(path, unread, links);
    std::ranges::sort(files, [](const auto& a, const auto& b) { return Age(a) < Age(b); });
    Error error;
    error.file = path;
    if (problem) {
      error.message = fmt::format("cannot be read: {}", problem.message());
      inputs.push_back(error);
    } else if (files.empty()) {
      error.message = "holds no file whose name has .json, .jsonl, .ndjson, .log or .gz in it";
      error.remedy = "name the files";
      inputs.push_back(error);
    }
    inputs.insert(inputs.end(), files.begin(), files.end());
  }
  return inputs;
}

std::uint64_t size_of(const std::vector<Input>& inputs) {
  std::uint64_t total = 0;
  for (const Input& input : inputs) {
    std::error_code problem;
    const auto size = input && *input != "-" ? fs::file_size(*input, problem) : 0;
    if (!problem) total += size;
  }
  return total;
}

}  // namespace plimsoll::app
