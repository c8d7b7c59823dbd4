#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/checks_page.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/templates_of.h"
#include "plimsoll/check.h"

namespace plimsoll::app {
namespace {

int run(const std::string& output) {
  if (output == "markdown") {
    const auto library = load_library({});
    if (!library) return fail(library.error());
    return print(checks_page(*library)) ? kPassed : kFailed;
  }
  if (output == "json") {
    auto all = nlohmann::ordered_json::array();
    for (const Check* check : catalogue())
      all.push_back({{"id", check->id},
                     {"title", check->title},
                     {"severity", name_of(check->severity)},
                     {"fix", check->fix != nullptr}});
    return print(all.dump(2) + "\n") ? kPassed : kFailed;
  }
  const Palette c = palette_for(stdout);
  std::size_t width = 0;
  for (const Check* check : catalogue()) width = std::max(width, check->id.size());
  std::string out;
  for (const Check* check : catalogue())
    out += fmt::format("{}{:<{}}{}  {:<8}  {}\n", c.bold, check->id, width, c.plain,
                       name_of(check->severity), check->title);
  return print(out) ? kPassed : kFailed;
}

}  // namespace

void add_checks(CLI::App& app, Action& action) {
  auto output = std::make_shared<std::string>("text");
  auto* const command = app.add_subcommand("checks", "List every check");
  command->add_option("-o,--output", *output, "text, json or markdown")
      ->check(CLI::IsMember({"text", "json", "markdown"}))
      ->capture_default_str();
  command->callback([&action, output] { action = [output] { return run(*output); }; });
}

}  // namespace plimsoll::app
