#include "kube/collection.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kube/fake_transport.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Read {
  Collected collected;
  std::string seen;  ///< of each page what stands before the colon
  std::vector<std::string> paths, notes;
  std::vector<milliseconds> pauses;
};

using Answers = std::function<Result<Response>(std::size_t number, const Request& request)>;

/// Pages are `ITEMS:TOKEN`, one item for each letter.
Read read(const Answers& answers, Patience patience = {},
          const std::string& path = "/api/v1/pods") {
  Read out;
  FakeTransport transport([&](std::size_t number, const Request& request, const std::stop_token&,
                              const auto&) { return answers(number, request); });
  CollectionReader reader(
      transport, patience, {}, [&](const std::string& line) { out.notes.push_back(line); },
      [&](milliseconds pause, const std::stop_token&) { out.pauses.push_back(pause); });
  out.collected = reader.read("pods", path, [&](std::string& page) -> Result<PageHead> {
    const auto colon = page.find(':');
    if (colon == page.npos) return FakeTransport::broken("no colon");
    out.seen += page.substr(0, colon) + " ";
    return PageHead{page.substr(colon + 1), colon, 0};
  });
  out.paths = transport.paths();
  return out;
}

TEST(Collection, IsReadPageByPage) {
  const auto all = read([](std::size_t number, const Request&) -> Result<Response> {
    return Response{200, number == 1 ? "ab:x y" : "c:"};
  });
  EXPECT_FALSE(all.collected.error);
  EXPECT_EQ(all.collected.items, 3U);
  EXPECT_EQ(all.seen, "ab c ");
  EXPECT_THAT(all.paths,
              ElementsAre("/api/v1/pods?limit=500", "/api/v1/pods?limit=500&continue=x%20y"));
  EXPECT_THAT(all.pauses, IsEmpty());
}

TEST(Collection, MayHaveAQuery) {
  const auto all = read(
      [](std::size_t number, const Request&) -> Result<Response> {
        return Response{200, number == 1 ? "a:x" : "b:"};
      },
      {}, "/api/v1/pods?labelSelector=a");
  EXPECT_THAT(all.paths, ElementsAre("/api/v1/pods?labelSelector=a&limit=500",
                                     "/api/v1/pods?labelSelector=a&limit=500&continue=x"));
}

// What is held of an answer is bounded, whatever the objects are.
TEST(Collection, APageThatIsTooLargeIsAskedForInSmallerOnes) {
  const auto all = read(
      [](std::size_t, const Request& request) -> Result<Response> {
        const auto limit = std::stoul(request.path.substr(request.path.find('=') + 1));
        const bool last = request.path.find("continue") != std::string::npos;
        return Response{200, std::string(limit * 10, 'x') + (last ? ":" : ":t")};
      },
      {.max_page = 400});
  EXPECT_FALSE(all.collected.error);
  EXPECT_THAT(all.paths, ElementsAre("/api/v1/pods?limit=500", "/api/v1/pods?limit=125",
                                     "/api/v1/pods?limit=31", "/api/v1/pods?limit=31&continue=t"));
}

TEST(Collection, APageThatCannotBeReadIsAskedForInSmallerOnes) {
  const auto all = read([](std::size_t, const Request& request) -> Result<Response> {
    const bool whole = request.path.find("limit=500") != std::string::npos;
    return Response{200, whole ? "broken" : "ab:"};
  });
  EXPECT_FALSE(all.collected.error);
  EXPECT_EQ(all.seen, "ab ");
  EXPECT_THAT(all.paths, ElementsAre("/api/v1/pods?limit=500", "/api/v1/pods?limit=125"));
}

TEST(Collection, AListThatLeadsToItselfEnds) {
  const auto all =
      read([](std::size_t, const Request&) -> Result<Response> { return Response{200, "a:t"}; });
  ASSERT_TRUE(all.collected.error);
  EXPECT_THAT(all.collected.error->to_string(), HasSubstr("does not end"));
  EXPECT_THAT(all.paths, ::testing::SizeIs(2));
}

TEST(Collection, AListThatLeadsInACircleEnds) {
  const auto all = read([](std::size_t number, const Request&) -> Result<Response> {
    return Response{200, number == 50 ? "a:" : number % 2 == 0 ? "a:t" : "a:u"};
  });
  ASSERT_TRUE(all.collected.error);
  EXPECT_THAT(all.collected.error->to_string(), HasSubstr("leads back to an earlier one"));
  EXPECT_THAT(all.paths, ::testing::SizeIs(3));
}

TEST(Collection, PagesWithoutObjectsEnd) {
  const auto all = read([](std::size_t number, const Request&) -> Result<Response> {
    return Response{200, number == 50 ? ":" : fmt::format(":t{}", number)};
  });
  ASSERT_TRUE(all.collected.error);
  EXPECT_THAT(all.collected.error->to_string(), HasSubstr("10 pages without an object"));
}

TEST(Collection, AListOfEverNewPagesEnds) {
  const auto all = read([](std::size_t number, const Request&) -> Result<Response> {
    return Response{200, number == 20'000 ? "a:" : fmt::format("a:t{}", number)};
  });
  ASSERT_TRUE(all.collected.error);
  EXPECT_THAT(all.collected.error->to_string(), HasSubstr("does not end: more than 4000 pages"));
}

TEST(Collection, AListThatEndsEarlyIsNotWhole) {
  FakeTransport transport([](std::size_t, const Request&, const std::stop_token&,
                             const auto&) -> Result<Response> { return Response{200, "a"}; });
  CollectionReader reader(transport, {}, {}, [](const std::string&) {});
  const auto collected = reader.read(
      "pods", "/api/v1/pods", [](std::string&) -> Result<PageHead> { return PageHead{"", 1, 9}; });
  ASSERT_TRUE(collected.error);
  EXPECT_THAT(collected.error->to_string(), HasSubstr("ends 9 objects early"));
  EXPECT_EQ(collected.items, 1U);
}

TEST(Collection, APathMayHaveAQuery) {
  FakeTransport transport([](std::size_t, const Request&, const std::stop_token&,
                             const auto&) -> Result<Response> { return Response{200, "a"}; });
  CollectionReader reader(transport, {}, {}, [](const std::string&) {});
  const auto collected = reader.read(
      "pods", "/api/v1/pods?labelSelector=a",
      [](std::string&) -> Result<PageHead> { return FakeTransport::broken("no list"); });
  EXPECT_EQ(transport.paths().front(), "/api/v1/pods?labelSelector=a&limit=500");
  EXPECT_THAT(collected.error->to_string(), ::testing::StartsWith("GET /api/v1/pods: "));
}

// The pauses here are none: only what the answers take can use up the time.
TEST(Collection, WhatIsWaitedForInVainUsesUpThePatience) {
  const auto all = read(
      [](std::size_t number, const Request&) -> Result<Response> {
        return Response{number < 5'000'000 ? 503 : 200, "a:"};
      },
      {.pauses = milliseconds(1),
       .first_pause = milliseconds(0),
       .longest_pause = milliseconds(0)});
  EXPECT_EQ(all.collected.status, 503);
}

TEST(Collection, AnObjectThatIsTooLargeEndsIt) {
  const auto all = read(
      [](std::size_t, const Request&) -> Result<Response> {
        return Response{200, std::string(5UL << 20, 'x')};
      },
      {.max_page = 1UL << 20});
  ASSERT_TRUE(all.collected.error);
  EXPECT_EQ(all.collected.error->to_string(), "GET /api/v1/pods: the answer is larger than 4 MiB");
  EXPECT_THAT(all.paths.back(), HasSubstr("limit=1"));
  EXPECT_THAT(all.pauses, IsEmpty());
}

TEST(Collection, EachPageHasItsOwnPatience) {
  // Every other request fails: no page is waited for long.
  const auto all = read([](std::size_t number, const Request&) -> Result<Response> {
    if (number % 2 == 0) return Response{503, "{}"};
    return Response{200, number < 200 ? fmt::format("a:t{}", number) : "a:"};
  });
  EXPECT_FALSE(all.collected.error);
  EXPECT_EQ(all.collected.items, 101U);
  EXPECT_EQ(all.pauses, std::vector<milliseconds>(100, milliseconds(1000)));
}

TEST(Collection, AServerThatAsksForMoreTimeThanThereIsIsNotWaitedFor) {
  const auto all = read([](std::size_t, const Request&) -> Result<Response> {
    return Response{429, R"({"kind":"Status","reason":"TooManyRequests"})", std::chrono::hours(1)};
  });
  ASSERT_TRUE(all.collected.error);
  EXPECT_EQ(all.collected.status, 429);
  EXPECT_THAT(all.collected.error->to_string(), HasSubstr("429 TooManyRequests"));
  EXPECT_THAT(all.pauses, IsEmpty());
}

TEST(Collection, AServerThatAsksForAllTheTimeThereIsGetsIt) {
  const auto all = read([](std::size_t number, const Request&) -> Result<Response> {
    if (number > 1) return Response{200, "a:"};
    return Response{429, "{}", std::chrono::seconds(60)};
  });
  EXPECT_FALSE(all.collected.error);
  EXPECT_THAT(all.pauses, ElementsAre(milliseconds(60'000)));
}

TEST(Collection, WhatIsForbiddenIsNotAskedForAgain) {
  const auto all =
      read([](std::size_t, const Request&) -> Result<Response> { return Response{403, "{}"}; });
  EXPECT_EQ(all.collected.status, 403);
  EXPECT_THAT(all.pauses, IsEmpty());
}

TEST(Collection, AFirstPageThatExpiresIsAnError) {
  const auto all =
      read([](std::size_t, const Request&) -> Result<Response> { return Response{410, "[]"}; });
  EXPECT_EQ(all.collected.status, 410);
  EXPECT_EQ(all.paths.size(), 1U);
}

}  // namespace
}  // namespace plimsoll::kube
