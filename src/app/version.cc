#include "app/version.h"

#include <fmt/format.h>

#include "app/commands.h"
#include "app/console.h"

namespace plimsoll::app {

void add_version(CLI::App& app, Action& action) {
  auto* const command = app.add_subcommand("version", "Print the version");
  command->callback([&action] {
    action = [] { return print(fmt::format("plimsoll {}\n", kVersion)) ? kPassed : kFailed; };
  });
}

}  // namespace plimsoll::app
