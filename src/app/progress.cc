#include "app/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace plimsoll::app {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kWidth = 20;  // columns of the bar

/// Of the terminal: a line that is longer would be two, of which one stays.
std::size_t columns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string amount(std::uint64_t count, std::string_view unit) {
  if (unit != "bytes") return std::to_string(count);
  constexpr std::string_view kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(count);
  std::size_t i = 0;
  while (size >= 1024 && i + 1 < std::size(kUnits)) size /= 1024, ++i;
  return fmt::format("{:.{}f} {}", size, i == 0 ? 0 : 1, kUnits[i]);
}

std::string duration(milliseconds time) {
  const auto seconds = time.count() / 1000;
  if (seconds < 60) return fmt::format("{} s", std::max<decltype(seconds)>(seconds, 1));
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

}  // namespace

std::string progress_line(std::string_view what, std::string_view unit, std::uint64_t done,
                          std::uint64_t total, milliseconds elapsed) {
  const std::string_view noun = unit == "bytes" ? "" : unit;
  const std::string_view gap = noun.empty() ? "" : " ";
  if (total == 0) return fmt::format("{} {}{}{}", what, amount(done, unit), gap, noun);
  done = std::min(done, total);
  const auto share = static_cast<double>(done) / static_cast<double>(total);
  const auto full = static_cast<std::uint64_t>(share * static_cast<double>(kWidth));
  std::string line = fmt::format("{} [{:#<{}}{:->{}}] {} of {}{}{}", what, "", full, "",
                                 kWidth - full, amount(done, unit), amount(total, unit), gap, noun);
  // The first moments are no measure for the rest.
  if (share > 0.02 && done < total)
    line +=
        fmt::format(", {} left", duration(milliseconds(static_cast<milliseconds::rep>(
                                     static_cast<double>(elapsed.count()) * (1 - share) / share))));
  return line;
}

bool progress_wanted(bool report_to_stdout) {
  const char* const term = std::getenv("TERM");
  if (term != nullptr && std::string_view(term) == "dumb") return false;
  return isatty(STDERR_FILENO) != 0 && (!report_to_stdout || isatty(STDOUT_FILENO) == 0);
}

Progress::Progress(std::string_view what, std::string_view unit, std::uint64_t total, bool wanted)
    : what_(what), unit_(unit), total_(total), shown_(wanted) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
  drawn_ = false;
}

void Progress::step(std::uint64_t count) {
  done_ += count;
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - start_ < milliseconds(300) || now - last_ < milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r\x1b[K{}",
             progress_line(what_, unit_, done_, total_,
                           std::chrono::duration_cast<milliseconds>(now - start_))
                 .substr(0, columns() - 1));
}

}  // namespace plimsoll::app
