#include "codec/namespace_labels.h"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::codec {
namespace {

TEST(ReadNamespaces, ReadsListsAndDocuments) {
  const auto list = read_namespaces(
      "kind: List\nitems:\n- metadata: {name: a, labels: {x: z}}\n- metadata: {name: b}\n", "f");
  ASSERT_TRUE(list) << list.error().to_string();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->at(0).labels.at("x"), "z");
  EXPECT_EQ(list->at(1).name, "b");
  EXPECT_EQ(read_namespaces(R"({"metadata":{"name":"a"}})", "f")->size(), 1U);
  for (const char* text : {"", "items: []", "items: 3", "metadata: {name: 3}", "metadata: {}"})
    EXPECT_FALSE(read_namespaces(text, "f")) << text;
}

}  // namespace
}  // namespace plimsoll::codec
