#include "app/earlier_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "app/progress.h"

namespace plimsoll::app {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class EarlierReports : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  std::string folder_ = ::testing::TempDir() + "earlier_reports_" +
                        ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(EarlierReports, AreReadByWhenTheyWereMade) {
  const std::string later = file("later.json", R"({"schemaVersion":1,"time":"2026-02-01T00:00:00Z",
    "resources":[{"findings":[{"severity":"high","references":[{"severity":"low"}]},
                              {"severity":"high"},{"severity":"low"}],
                  "accepted":[{"severity":"critical"}]}],
    "summary":{"resources":9,"passed":3,"failed":6,"errors":0,"skipped":0,"findings":3}})");
  const std::string sooner = file("sooner.json", R"({"schemaVersion":1,
    "time":"2026-01-01T00:00:00Z","resources":[],"summary":{"passed":1}})");
  const auto reports = read_earlier_reports({later, sooner}, "");
  ASSERT_TRUE(reports) << reports.error().to_string();
  ASSERT_EQ(reports->size(), 2U);
  EXPECT_EQ((*reports)[0].time, "2026-01-01T00:00:00Z");
  EXPECT_EQ((*reports)[1].summary.failed, 6U);
  EXPECT_EQ((*reports)[1].summary.passed, 3U);
  EXPECT_EQ((*reports)[1].severities, (std::array<std::size_t, 4>{0, 2, 0, 1}));
}

TEST_F(EarlierReports, OneWithoutATimeIsOfWhenItWasWritten) {
  const auto reports = read_earlier_reports(
      {file("old.json", R"({"schemaVersion":1,"resources":[],"summary":{"passed":1}})")}, "");
  ASSERT_TRUE(reports);
  EXPECT_THAT((*reports)[0].time, ::testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

TEST_F(EarlierReports, WhatWasHeldToSomethingElseIsNoted) {
  const std::string report = file("a.json", R"({"schemaVersion":1,"template":"baseline@v1.36",
    "resources":[],"summary":{"passed":1}})");
  const auto note_of = [&](const std::string& now) {
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(read_earlier_reports({report}, now));
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(note_of("baseline@v1.37"), "") << "a later version asks for about the same";
  EXPECT_EQ(note_of("restricted@v1.36"), "plimsoll: note: " + report +
                                             ": --trend: was held to baseline@v1.36, and not to "
                                             "restricted@v1.36\n");
}

TEST_F(EarlierReports, WhatIsNoneIsSaid) {
  const auto error_of = [](const std::string& path) {
    const auto reports = read_earlier_reports({path}, "");
    return reports ? std::string() : reports.error().to_string();
  };
  EXPECT_EQ(error_of(folder_ + "/none.json"),
            folder_ + "/none.json: --trend: cannot be read; name a report that -o json wrote");
  EXPECT_THAT(error_of(folder_), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of(file("a", "{")), HasSubstr("--trend: is not JSON: "));
  EXPECT_THAT(error_of(file("b", "{}")), HasSubstr("is no report of Plimsoll's"));
  EXPECT_THAT(error_of(file("c", R"({"schemaVersion":2,"summary":{"passed":1}})")),
              HasSubstr("is no report of Plimsoll's"));
}

TEST(Rfc3339, IsInUtc) {
  EXPECT_EQ(rfc3339(std::chrono::sys_seconds(std::chrono::seconds(0))), "1970-01-01T00:00:00Z");
}

TEST(Progress, SaysHowFarAndHowLong) {
  EXPECT_EQ(progress_line("checking", "files", 100, 400, milliseconds(2000)),
            "checking [#####---------------] 100 of 400 files, 6 s left");
  EXPECT_EQ(progress_line("reading", "bytes", 3UL << 29U, 3UL << 30U, milliseconds(200'000)),
            "reading [##########----------] 1.5 GiB of 3.0 GiB, 3 min 20 s left");
  EXPECT_EQ(progress_line("scanning", "objects", 12, 0, milliseconds(1)), "scanning 12 objects");
  EXPECT_EQ(progress_line("checking", "files", 4, 4, milliseconds(1)),
            "checking [####################] 4 of 4 files");
  EXPECT_EQ(progress_line("checking", "files", 9, 4, milliseconds(1)),
            "checking [####################] 4 of 4 files");
}

}  // namespace
}  // namespace plimsoll::app
