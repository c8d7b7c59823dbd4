// How far a command is, for a person who waits at a terminal.
//
// Thread-safety: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll::app {

/// A line on standard error: `checking [#####-----] 120 of 400 files, 12 s left`. It is drawn on
/// terminals only, for work that takes longer than moments, and is gone when the work is done.
class Progress {
 public:
  /// `what`: such as `checking`. `unit`: such as `files`; `bytes` are shown as KiB, MiB or GiB.
  /// `total`: 0: not known. `wanted`: false: nothing is ever drawn.
  Progress(std::string_view what, std::string_view unit, std::uint64_t total, bool wanted);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(std::uint64_t count = 1);
  /// What is left is known better now.
  void expect(std::uint64_t total) { total_ = total; }
  /// Takes the line away for what is to be printed; the next step draws it again.
  void clear();

 private:
  std::string_view what_, unit_;
  std::uint64_t total_, done_ = 0;
  bool shown_, drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_;
};

/// The line, without what draws it. `elapsed`: since the beginning.
std::string progress_line(std::string_view what, std::string_view unit, std::uint64_t done,
                          std::uint64_t total, std::chrono::milliseconds elapsed);

/// Whether standard error is a terminal that it can be drawn on, and free for it: the report does
/// not stream to the same one.
bool progress_wanted(bool report_to_stdout);

}  // namespace plimsoll::app
