// The command line: which subcommand is meant, and what is wrong where none is.
//
// Thread-safety: called once, from main.
#pragma once

#include <string>
#include <vector>

namespace plimsoll::app {

/// Runs what the words behind the program's name ask for; gives the exit status.
int run_command_line(std::vector<std::string> words);

}  // namespace plimsoll::app
