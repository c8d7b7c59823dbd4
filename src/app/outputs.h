// The reports that a command writes at once: `-o FORMAT` and `-o FORMAT=FILE`, and the earlier ones
// that they look back on.
//
// Ownership: owns its writers and what they have not written yet. Thread-safety: one a thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/report.h"
#include "plimsoll/result.h"
#include "report/format.h"

namespace plimsoll::app {

struct OutputOptions {
  std::vector<std::string> outputs{"text"};  ///< `FORMAT` or `FORMAT=FILE`; `-`: standard output
  std::vector<std::string> trend;            ///< files, of JSON reports
};

/// Adds `-o` to a command. The options must outlive the command line.
void add_output_options(CLI::App& command, OutputOptions& options);
/// The same with `--trend`, for commands whose reports are of a time.
void add_trend_options(CLI::App& command, OutputOptions& options);

/// The head of a report that is made now, with what `--trend` names. Errors: a file that cannot be
/// read, or is no report.
Result<ReportHead> head_of_now(const OutputOptions& options, std::string template_ref,
                               std::string subject);

/// Whether two paths, of files that need not be there, mean one file; not if one is empty.
bool same_place(const std::string& a, const std::string& b);

/// Text that is kept until it is asked for: a little of it in memory, more in a file without a name
/// where there can be one.
class Spool {
 public:
  void append(std::string_view text);
  /// Calls `use` with all of it.
  Status use(const std::function<Status(std::string_view)>& use);

 private:
  std::string memory_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, std::fclose};
};

class Outputs {
 public:
  /// `texts`: `FORMAT` or `FORMAT=FILE` each; the error names the one that is neither.
  static Result<Outputs> parse(const std::vector<std::string>& texts);

  /// Whether one of the formats says how the text changes.
  [[nodiscard]] bool want_changes() const;
  /// Whether standard output is written while the command works.
  [[nodiscard]] bool to_stdout() const;

  /// Whether a report would take the place of that file.
  [[nodiscard]] bool would_overwrite(const std::string& input) const;

  void open(const ReportHead& head);
  void add(const Resource& resource);
  /// Writes what is left. Files are written whole or not at all.
  Status end(const ReportTail& tail);

 private:
  struct Output {
    const report::Format* format;
    std::string file;     ///< empty: standard output
    bool direct = false;  ///< written as it comes
    Spool spool;
    std::unique_ptr<report::Writer> writer;
  };

  std::deque<Output> all_;  // the sinks of writers point into it
  std::unique_ptr<Status> problem_ =
      std::make_unique<Status>();  // of standard output; kept in place
};

}  // namespace plimsoll::app
