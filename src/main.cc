#include <fmt/format.h>

#include <exception>

#include "app/command_line.h"
#include "app/commands.h"

int main(int argc, char** argv) {
  try {
    return plimsoll::app::run_command_line({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "plimsoll: {}\n", error.what());
    return plimsoll::app::kFailed;
  }
}
