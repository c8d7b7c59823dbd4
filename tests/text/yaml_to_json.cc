// A tool for tests/yaml: reads texts from stdin, writes what each is as JSON to stdout.
//
// A text is framed by its length in decimal and a line feed, before it. The answer to a text is one
// line a document, `= JSON` or `! error`, and a last line of `.`. Empty documents are `= null`.
// Ownership: none. Thread-safety: not a library.
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <string>

#include "text/yaml.h"

int main() {
  using plimsoll::text::YamlReader;
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::string text(std::stoul(line), '\0');
    if (!std::cin.read(text.data(), static_cast<std::streamsize>(text.size()))) {
      std::cerr << "yaml_to_json: the input ends inside a text\n";
      return 2;
    }
    YamlReader reader(text, "");
    while (true) {
      const auto document = reader.next();
      if (!document) {
        const auto& error = document.error();
        std::cout << "! " << error.line << ':' << error.column << ": " << error.to_string() << '\n';
      } else if (*document) {
        std::cout << "= " << (*document)->json() << '\n';
      } else {
        break;
      }
    }
    std::cout << ".\n" << std::flush;
  }
  return 0;
}
