#include "report/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace plimsoll::report {
namespace {

using ::testing::ElementsAre;

Resource container(std::string name, std::vector<ReportedItem> items) {
  Resource made;
  made.kind = "Container";
  made.name = std::move(name);
  made.items = std::move(items);
  return made;
}

ReportedItem item(std::string_view section, ItemStatus status, std::string detail = "") {
  return {{"CIS Docker 1.6.0", section}, "It is so", status, std::move(detail)};
}

TEST(Tally, AnItemIsAsBadAsItsWorstResource) {
  Tally tally;
  tally.add(container("a", {item("5.5", ItemStatus::Info, "unseen")}));
  tally.add(container("b", {item("5.5", ItemStatus::Warn, "it is")}));
  tally.add(container("c", {item("5.5", ItemStatus::Note, "look")}));
  tally.add(container("d", {item("5.5", ItemStatus::Warn, "it is")}));
  tally.add(container("e", {item("5.5", ItemStatus::Warn, "it is as well")}));
  tally.add(container("f", {item("5.5", ItemStatus::Pass)}));
  const auto items = tally.items();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].status, ItemStatus::Warn);
  EXPECT_THAT(items[0].counts, ElementsAre(1, 3, 1, 1));
  EXPECT_EQ(items[0].count(), 3U);
  ASSERT_EQ(items[0].places.size(), 2U);
  EXPECT_EQ(items[0].places[0].detail, "it is");
  EXPECT_THAT(items[0].places[0].resources, ElementsAre("b", "d"));
}

TEST(Tally, WhatPassesHasNoPlaces) {
  Tally tally;
  tally.add(container("a", {item("5.5", ItemStatus::Pass, "no")}));
  EXPECT_TRUE(tally.items()[0].places.empty());
}

TEST(Tally, SortsByNumber) {
  Tally tally;
  tally.add(container("a", {item("5.10", ItemStatus::Pass), item("5.9", ItemStatus::Pass),
                            item("1.1.3", ItemStatus::Pass), item("1.1", ItemStatus::Pass)}));
  std::vector<std::string_view> sections;
  for (const TalliedItem& one : tally.items()) sections.push_back(one.reference.section);
  EXPECT_THAT(sections, ElementsAre("1.1", "1.1.3", "5.9", "5.10"));
}

}  // namespace
}  // namespace plimsoll::report
