#include "app/outputs.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "app/console.h"
#include "app/earlier_reports.h"
#include "app/staged_file.h"
#include "app/version.h"

namespace plimsoll::app {
namespace {

constexpr std::size_t kInMemory = std::size_t{4} << 20;

Status not_written(std::string file) {
  Error error;
  error.file = std::move(file);
  error.message = std::strerror(errno);
  return error;
}

Status write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return {};
  return not_written("standard output");
}

}  // namespace

void add_output_options(CLI::App& command, OutputOptions& options) {
  std::vector<std::string_view> formats;
  for (const auto* format : report::formats()) formats.push_back(format->name);
  command
      .add_option("-o,--output", options.outputs,
                  fmt::format("FORMAT or FORMAT=FILE ({}); repeatable", fmt::join(formats, ", ")))
      ->allow_extra_args(false);
}

void add_trend_options(CLI::App& command, OutputOptions& options) {
  add_output_options(command, options);
  command
      .add_option("--trend", options.trend,
                  "An earlier report of the same, as JSON, to compare with; repeatable")
      ->allow_extra_args(false);
}

Result<ReportHead> head_of_now(const OutputOptions& options, std::string template_ref,
                               std::string subject) {
  auto earlier = read_earlier_reports(options.trend, template_ref);
  if (!earlier) return earlier.error();
  ReportHead head;
  head.template_ref = std::move(template_ref);
  head.version = kVersion;
  head.subject = std::move(subject);
  head.time = rfc3339(std::chrono::system_clock::now());
  head.earlier = *std::move(earlier);
  return head;
}

bool same_place(const std::string& a, const std::string& b) {
  std::error_code ignored;
  namespace fs = std::filesystem;
  const auto whole = [&](const std::string& path) {
    return fs::weakly_canonical(fs::absolute(path, ignored), ignored);
  };
  return !a.empty() && (fs::equivalent(a, b, ignored) || whole(a) == whole(b));
}

void Spool::append(std::string_view text) {
  memory_ += text;
  if (memory_.size() < kInMemory) return;
  if (!file_) file_.reset(std::tmpfile());
  if (!file_) return;
  const std::size_t count = std::fwrite(memory_.data(), 1, memory_.size(), file_.get());
  if (count == memory_.size()) return memory_.clear();
  // There is no more room: the rest stays in memory, where all of it would have been without a
  // file.
  std::clearerr(file_.get());
  memory_.erase(0, count);
}

Status Spool::use(const std::function<Status(std::string_view)>& use) {
  if (!file_) return use(memory_);
  const bool written =
      std::fwrite(memory_.data(), 1, memory_.size(), file_.get()) == memory_.size() &&
      std::fflush(file_.get()) == 0;
  const long size = written ? std::ftell(file_.get()) : -1;
  if (size < 0) return not_written("temporary file");
  const auto length = static_cast<std::size_t>(size);
  void* const at = ::mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fileno(file_.get()), 0);
  if (at == MAP_FAILED) return not_written("temporary file");
  Status status = use({static_cast<const char*>(at), length});
  ::munmap(at, length);
  return status;
}

Result<Outputs> Outputs::parse(const std::vector<std::string>& texts) {
  Outputs outputs;
  bool direct = true;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    const auto name = text.substr(0, equals);
    const auto all = report::formats();
    const auto at =
        std::ranges::find_if(all, [&](const auto* format) { return format->name == name; });
    if (at == all.end() || equals + 1 == text.size()) {
      Error error;
      error.field = "--output";
      error.message = fmt::format("\"{}\" is not FORMAT or FORMAT=FILE", text);
      std::vector<std::string_view> names;
      for (const auto* format : all) names.push_back(format->name);
      error.remedy = fmt::format("formats are {}", fmt::join(names, ", "));
      return error;
    }
    std::string file = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (file == "-") file.clear();  // as everywhere: not a file, but what is standard
    if (!file.empty() && std::ranges::any_of(outputs.all_, [&](const Output& other) {
          return same_place(other.file, file);
        })) {
      Error error;
      error.field = "--output";
      error.message = fmt::format("two reports are to be written to {}", file);
      error.remedy = "give each a file of its own";
      return error;
    }
    Output& output = outputs.all_.emplace_back();
    output.format = *at;
    output.file = file;
    // Of several only the first can be written while the others grow.
    if (output.file.empty()) output.direct = std::exchange(direct, false);
  }
  return outputs;
}

bool Outputs::want_changes() const {
  return std::ranges::any_of(all_, [](const Output& output) { return output.format->changes; });
}

bool Outputs::to_stdout() const {
  return std::ranges::any_of(all_, [](const Output& output) { return output.direct; });
}

void Outputs::open(const ReportHead& head) {
  for (Output& output : all_) {
    report::Sink sink;
    if (output.direct)
      sink = [problem = problem_.get()](std::string_view piece) {
        if (!*problem) *problem = write_stdout(piece);
      };
    else
      sink = [spool = &output.spool](std::string_view piece) { spool->append(piece); };
    const bool colour = output.file.empty() && !palette_for(stdout).plain.empty();
    output.writer = output.format->open(head, {.colour = colour}, std::move(sink));
  }
}

void Outputs::add(const Resource& resource) {
  for (const Output& output : all_) output.writer->add(resource);
}

bool Outputs::would_overwrite(const std::string& input) const {
  return std::ranges::any_of(all_,
                             [&](const Output& output) { return same_place(output.file, input); });
}

Status Outputs::end(const ReportTail& tail) {
  // One that cannot be written does not keep the others from being.
  Status first;
  for (Output& output : all_) {
    output.writer->end(tail);
    if (output.direct) continue;
    const auto write = [&](std::string_view text) {
      return output.file.empty() ? write_stdout(text) : write_file(output.file, text);
    };
    if (auto error = output.spool.use(write); error && !first) first = std::move(error);
  }
  if (*problem_) return *problem_;
  if (std::fflush(stdout) != 0 && !first) first = not_written("standard output");
  return first;
}

}  // namespace plimsoll::app
