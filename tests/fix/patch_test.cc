#include "fix/patch.h"

#include <gtest/gtest.h>

namespace plimsoll::fix {
namespace {

using nlohmann::json;

// The operations, and the object after them.
void expect_patch(const char* object, const Edits& edits, const char* operations,
                  const char* after) {
  const json before = json::parse(object);
  std::vector<const Edit*> all;
  for (const Edit& edit : edits) all.push_back(&edit);
  const json patch = to_json_patch(all, before);
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

TEST(JsonPatch, SetsInTheNewWhatItTookAway) {
  expect_patch(R"({"a":{"type":"x","path":"y"}})", {{"/a", {}}, {"/a/type", true}, {"/a", {}}},
               R"([{"op":"remove","path":"/a"},{"op":"add","path":"/a","value":{}},
                   {"op":"add","path":"/a/type","value":true}])",
               R"({"a":{"type":true}})");
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
  expect_patch(R"({"m":{"a~b":1}})", {{"/m/a~0b", {}}}, R"([{"op":"remove","path":"/m/a~0b"}])",
               R"({"m":{}})");
}

// Whoever writes a text where an object belongs is told so by the codec; nothing below it can be
// set.
TEST(JsonPatch, SetsNothingBelowWhatCannotHoldIt) {
  for (const char* object :
       {R"({"a":"text"})", R"({"a":5})", R"({"a":false})", R"({"a":[]})", R"({"a":[1]})",
        R"({"a":["text"]})", R"({"a":[[]]})", R"("text")", "[]"}) {
    SCOPED_TRACE(object);
    expect_patch(object, {{"/a/b/c", true}, {"/a/0/c", true}, {"/a/b/d", {}}, {"/a/0/d", {}}}, "[]",
                 object);
  }
  expect_patch(R"({"a":[{}]})", {{"/a/1/c", true}, {"/a/-/c", true}, {"/a/0x/c", true}}, "[]",
               R"({"a":[{}]})");
  expect_patch(R"({"a":[null]})", {{"/a/0/c", true}},
               R"([{"op":"replace","path":"/a/0","value":{}},
                   {"op":"add","path":"/a/0/c","value":true}])",
               R"({"a":[{"c":true}]})");
}

TEST(JsonPatch, EditsOfOneParentDoNotUndoEachOther) {
  expect_patch("{}",
               {{"/a/b", true}, {"/a/c/d", std::int64_t{1}}, {"/a/c/e", false}, {"/a/b", true}},
               R"([{"op":"add","path":"/a","value":{}},{"op":"add","path":"/a/b","value":true},
                   {"op":"add","path":"/a/c","value":{}},{"op":"add","path":"/a/c/d","value":1},
                   {"op":"add","path":"/a/c/e","value":false}])",
               R"({"a":{"b":true,"c":{"d":1,"e":false}}})");
}

TEST(JsonPatch, ElementsOfListsGoLastAndTheHigherIndexFirst) {
  expect_patch(
      R"({"l":[0,1,2,3,4,5,6,7,8,9,{"x":1},{"y":1}]})",
      {{"/l/2", {}}, {"/l/9", {}}, {"/l/10/x", {}}, {"/l/10", {}}, {"/l/2", {}}, {"/l/11/z", true}},
      R"([{"op":"remove","path":"/l/10/x"},{"op":"add","path":"/l/11/z","value":true},
          {"op":"remove","path":"/l/10"},{"op":"remove","path":"/l/9"},
          {"op":"remove","path":"/l/2"}])",
      R"({"l":[0,1,3,4,5,6,7,8,{"y":1,"z":true}]})");
}

TEST(JsonPatch, AppendsToLists) {
  const JsonText tmp{R"({"name":"tmp","emptyDir":{}})"};
  expect_patch(R"({"l":[1]})", {{"/l/-", tmp}, {"/l/0", {}}, {"/l/-", tmp}, {"/l/-", true}},
               R"([{"op":"add","path":"/l/-","value":{"name":"tmp","emptyDir":{}}},
                   {"op":"add","path":"/l/-","value":true},{"op":"remove","path":"/l/0"}])",
               R"({"l":[{"name":"tmp","emptyDir":{}},true]})");
  for (const char* object : {"{}", R"({"a":null})", R"({"a":{"l":null}})"}) {
    SCOPED_TRACE(object);
    const json before = json::parse(object);
    const Edit edits[] = {{"/a/l/-", tmp}, {"/a/l/-", true}};
    const Edit* const all[] = {&edits[0], &edits[1]};
    EXPECT_EQ(before.patch(to_json_patch(all, before)),
              json::parse(R"({"a":{"l":[{"name":"tmp","emptyDir":{}},true]}})"));
  }
  for (const char* object : {R"({"l":"text"})", R"({"l":5})"}) {
    SCOPED_TRACE(object);
    expect_patch(object, {{"/l/-", true}}, "[]", object);
  }
  expect_patch(R"({"l":{}})", {{"/l/-", true}}, R"([{"op":"add","path":"/l/-","value":true}])",
               R"({"l":{"-":true}})");
}

TEST(JsonPatch, WhatIsSetIsNotTakenApart) {
  expect_patch(R"({"a":["x","y"]})", {{"/a/1", {}}, {"/a", std::vector<std::string>{"z"}}},
               R"([{"op":"replace","path":"/a","value":["z"]}])", R"({"a":["z"]})");
}

TEST(JsonPatch, NothingToDoIsAnEmptyPatch) { expect_patch("{}", {}, "[]", "{}"); }

}  // namespace
}  // namespace plimsoll::fix
