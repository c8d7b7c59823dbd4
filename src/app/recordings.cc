#include "app/recordings.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "report/words.h"
#include "verdict/words.h"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

/// `audit.log.2.gz` is older than `audit.log.1`, and that than `audit.log`; `audit.log-20261124`
/// and `audit.log.2026-11-24` are older than what has a later date or none.
struct Age {
  std::string name, date;      // its digits
  unsigned long rotation = 0;  // how often it was moved on

  explicit Age(std::string path) : name(std::move(path)) {
    if (name.ends_with(".gz")) name.resize(name.size() - 3);
    auto begin = name.find_last_not_of("0123456789-_") + 1;
    const std::string suffix = name.substr(begin);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    std::string digits;
    std::ranges::copy_if(suffix, std::back_inserter(digits), is_digit);
    const bool dot = begin > 0 && name[begin - 1] == '.';
    if (dot) --begin;
    // Any date of logrotate's has so many: `-%Y%m%d`, `-%Y%m%d%H`, `-%s`.
    constexpr std::size_t kDay = 8;
    if (digits.size() >= kDay && (dot || !is_digit(suffix.front())))
      date = digits;
    else if (dot && digits == suffix && !digits.empty())
      rotation = std::stoul(digits) + 1;  // some begin at 0
    else
      return;
    name.resize(begin);
  }

  bool operator<(const Age& other) const {
    if (name != other.name) return name < other.name;
    // Those with a number are of before there were dates; the one with neither is still written.
    if (rotation != other.rotation) return rotation > other.rotation;
    return date.empty() != other.date.empty() ? other.date.empty() : date < other.date;
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
  if (links > 0) words.push_back(report::plural(links, "linked folder"));
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

/// Each file once, whatever it is called: by a name that is no link if there is one. What an audit
/// log says twice would count twice.
std::vector<Input> without_repeated(const std::vector<Input>& inputs) {
  std::map<std::pair<dev_t, ino_t>, std::size_t> first;
  std::vector<bool> repeated(inputs.size());
  std::string example;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    struct stat file{};
    if (!inputs[i] || ::stat(inputs[i]->c_str(), &file) != 0 || !S_ISREG(file.st_mode)) continue;
    auto [at, is_new] = first.try_emplace({file.st_dev, file.st_ino}, i);
    if (is_new) continue;
    std::error_code ignored;
    const bool first_is_link = fs::is_symlink(*inputs[at->second], ignored);
    const std::size_t again = first_is_link ? std::exchange(at->second, i) : i;
    repeated[again] = true;
    if (example.empty()) example = *inputs[again];
  }
  std::vector<Input> once;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!repeated[i]) once.push_back(inputs[i]);
  const std::size_t more = inputs.size() - once.size() - 1;
  if (!example.empty())
    fmt::print(stderr, "plimsoll: note: {}{}: read once, and named twice\n",
               verdict::printable(example),
               more > 0 ? fmt::format(", and {}", report::plural(more, "other name")) : "");
  return once;
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
  return without_repeated(inputs);
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
