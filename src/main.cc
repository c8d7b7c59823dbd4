#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/version.h"

namespace {

int run(int argc, char** argv) {
  using namespace plimsoll::app;
  CLI::App app("Plimsoll refuses pods loaded with more privilege than they need.", "plimsoll");
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("plimsoll {}", kVersion));
  app.set_help_flag("-h,--help", "Print this help");
  app.footer("Exit status: 0 all pass, 1 violations found, 2 it could not be done.");
  Action action;
  for (const auto& add : {add_serve, add_check, add_checks, add_explain, add_templates, add_certs,
                          add_version, add_completion})
    add(app, action);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  // To CLI11 `[a,b]` is a list of two; where a file is expected it is a name.
  if (!arguments.empty() && arguments.front() == "check")
    for (std::string& argument : arguments)
      if (argument.starts_with('[')) argument.insert(0, "./");
  std::ranges::reverse(arguments);  // as CLI11 asks
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    fmt::print(stderr, "plimsoll: {}; `plimsoll --help` tells more\n", error.what());
    return kFailed;
  }
  return action();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "plimsoll: {}\n", error.what());
    return plimsoll::app::kFailed;
  }
}
