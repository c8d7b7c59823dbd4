#include "fix/patch.h"

#include <gtest/gtest.h>

namespace plimsoll::fix {
namespace {

using nlohmann::json;

// The operations, and the object after them.
void expect_patch(const char* object, const Edits& edits, const char* operations,
                  const char* after) {
  const json before = json::parse(object);
  const json patch = to_json_patch(edits, before);
  EXPECT_EQ(patch, json::parse(operations));
  EXPECT_EQ(before.patch(patch), json::parse(after));
}

TEST(JsonPatch, AddsMissingParentsOutermostFirst) {
  expect_patch(
      R"({"spec":{}})", {{"/spec/a/b/c", true}},
      R"([{"op":"add","path":"/spec/a","value":{}},{"op":"add","path":"/spec/a/b","value":{}},
                   {"op":"add","path":"/spec/a/b/c","value":true}])",
      R"({"spec":{"a":{"b":{"c":true}}}})");
}

TEST(JsonPatch, ReplacesWhatIsThere) {
  expect_patch(R"({"a":1})", {{"/a", std::int64_t{2}}},
               R"([{"op":"replace","path":"/a","value":2}])", R"({"a":2})");
}

TEST(JsonPatch, NullCountsAsAbsent) {
  expect_patch(
      R"({"a":null})", {{"/a/b", std::string("x")}},
      R"([{"op":"replace","path":"/a","value":{}},{"op":"add","path":"/a/b","value":"x"}])",
      R"({"a":{"b":"x"}})");
}

TEST(JsonPatch, RemovesOnlyWhatIsThere) {
  expect_patch(R"({"a":[1,2,3]})", {{"/a/2", {}}, {"/a/0", {}}, {"/b", {}}},
               R"([{"op":"remove","path":"/a/2"},{"op":"remove","path":"/a/0"}])", R"({"a":[2]})");
}

TEST(JsonPatch, ListsAndEscapedKeys) {
  expect_patch(
      R"({"m":{"k/x":"a"}})",
      {{"/m/k~1x", std::string("b")}, {"/m/l", std::vector<std::string>{"ALL"}}},
      R"([{"op":"replace","path":"/m/k~1x","value":"b"},{"op":"add","path":"/m/l","value":["ALL"]}])",
      R"({"m":{"k/x":"b","l":["ALL"]}})");
}

TEST(JsonPatch, NothingToDoIsAnEmptyPatch) { expect_patch("{}", {}, "[]", "{}"); }

}  // namespace
}  // namespace plimsoll::fix
