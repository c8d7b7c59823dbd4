// Holds the #include lines of src/ to the table of rooms. Every header of the system lies in one
// folder, so the linker alone would not notice a room that reaches into another.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

// What a room may include besides the contract, the standard library and itself: other rooms, and
// the first part of the names of other headers.
struct Room {
  std::set<std::string> rooms;
  std::set<std::string> libraries;
};

const std::map<std::string, Room>& table() {
  static const std::map<std::string, Room> kTable = {
      {"text", {{}, {"fmt", "simdjson.h", "yaml.h"}}},
      {"checks", {{}, {"fmt"}}},
      {"templates", {{}, {"fmt"}}},
      {"verdict", {{}, {"fmt"}}},
      {"policy", {{"templates"}, {"fmt"}}},
      {"cel", {{}, {"fmt"}}},
      {"fix", {{"text"}, {"fmt", "nlohmann"}}},
      {"cis", {{}, {"fmt"}}},
      {"codec", {{"text", "verdict", "cis"}, {"fmt", "simdjson.h"}}},
      {"report", {{"text", "verdict"}, {"fmt", "nlohmann"}}},
      {"metrics", {{}, {"fmt", "dirent.h", "unistd.h", "sys"}}},
      {"server",
       {{}, {"fmt", "httplib.h", "openssl", "arpa", "netinet", "sys", "poll.h", "unistd.h"}}},
      {"kube",
       {{},
        {"fmt", "httplib.h", "nlohmann", "openssl", "arpa", "netinet", "netdb.h", "sys", "poll.h",
         "fcntl.h", "spawn.h", "unistd.h"}}},
      {"docker", {{"cis"}, {"fmt", "httplib.h", "sys", "fcntl.h", "unistd.h"}}},
      {"app",
       {{"templates", "verdict", "policy", "cel", "fix", "text", "codec", "report", "metrics",
         "server", "kube", "cis", "docker"},
        {"fmt", "nlohmann", "spdlog", "CLI", "sys", "fcntl.h", "fnmatch.h", "netdb.h", "poll.h",
         "pthread.h", "unistd.h", "zlib.h"}}},
  };
  return kTable;
}

struct Include {
  std::string name;
  bool quoted;
};

std::vector<Include> includes_of(const fs::path& file) {
  static const std::regex kLine(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)re");
  std::vector<Include> all;
  std::ifstream in(file);
  std::smatch match;
  for (std::string line; std::getline(in, line);)
    if (std::regex_match(line, match, kLine)) all.push_back({match[2], match[1] == "\""});
  return all;
}

std::string first_part(const std::string& path) { return path.substr(0, path.find('/')); }

// The standard library's headers have neither a dot nor a slash.
bool standard(const Include& include) {
  return !include.quoted && include.name.find_first_of("./") == std::string::npos;
}

const fs::path kRoot = PLIMSOLL_SOURCE_DIR;

TEST(Layering, EveryRoomIsInTheTable) {
  std::set<std::string> rooms;
  for (const auto& entry : fs::directory_iterator(kRoot / "src"))
    if (entry.is_directory()) rooms.insert(entry.path().filename().string());
  std::set<std::string> known;
  for (const auto& [name, room] : table()) known.insert(name);
  EXPECT_EQ(rooms, known);
}

TEST(Layering, RoomsIncludeOnlyWhatTheTableGives) {
  std::size_t seen = 0;
  for (const auto& [name, room] : table())
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / "src" / name)) {
      const auto extension = entry.path().extension();
      if (extension != ".cc" && extension != ".h") continue;
      for (const Include& include : includes_of(entry.path())) {
        ++seen;
        if (standard(include)) continue;
        const std::string from = first_part(include.name);
        const bool allowed = include.quoted
                                 ? from == "plimsoll" || from == name || room.rooms.contains(from)
                                 : room.libraries.contains(from);
        EXPECT_TRUE(allowed) << entry.path() << " includes " << include.name << ", which " << name
                             << " may not";
      }
    }
  EXPECT_GT(seen, 200U) << "the includes are not found any more";
}

TEST(Layering, EveryGrantIsUsed) {
  for (const auto& [name, room] : table()) {
    std::set<std::string> used;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / "src" / name))
      if (entry.is_regular_file())
        for (const Include& include : includes_of(entry.path()))
          used.insert(first_part(include.name));
    for (const auto& grants : {room.rooms, room.libraries})
      for (const std::string& grant : grants)
        EXPECT_TRUE(used.contains(grant)) << name << " includes nothing of " << grant;
  }
}

TEST(Layering, MainKnowsOnlyTheApp) {
  const auto all = includes_of(kRoot / "src" / "main.cc");
  EXPECT_FALSE(all.empty());
  for (const Include& include : all)
    EXPECT_TRUE(standard(include) || first_part(include.name) == "app" ||
                first_part(include.name) == "fmt")
        << include.name;
}

TEST(Layering, TheContractNeedsOnlyTheStandardLibrary) {
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(kRoot / "include" / "plimsoll"))
    for (const Include& include : includes_of(entry.path())) {
      ++seen;
      EXPECT_TRUE(standard(include) || (include.quoted && first_part(include.name) == "plimsoll"))
          << entry.path() << " includes " << include.name;
    }
  EXPECT_GT(seen, 20U);
}

}  // namespace
