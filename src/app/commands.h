// The subcommands: each adds itself to the command line and leaves what it is to run.
//
// Thread-safety: called once, from main.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace plimsoll::app {

/// Exit statuses. Source: DESIGN.md's contract.
enum Exit : int { kPassed = 0, kViolations = 1, kFailed = 2 };

/// What the chosen subcommand runs; its result is the exit status.
using Action = std::function<int()>;

void add_serve(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_fix(CLI::App& app, Action& action);
void add_checks(CLI::App& app, Action& action);
void add_explain(CLI::App& app, Action& action);
void add_templates(CLI::App& app, Action& action);
void add_certs(CLI::App& app, Action& action);
void add_health(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);
void add_scan(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_completion(CLI::App& app, Action& action);

}  // namespace plimsoll::app
