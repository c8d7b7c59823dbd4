#include "kube/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kube/fake_transport.h"

namespace plimsoll::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using testing::FakeTransport;
using ::testing::HasSubstr;

Request request_of(std::string method, std::string path) {
  Request request;
  request.method = std::move(method);
  request.path = std::move(path);
  return request;
}

TEST(Objects, PathsAreEncoded) {
  EXPECT_EQ(path_of("", "v1", "namespaces", "", ""), "/api/v1/namespaces");
  EXPECT_EQ(path_of("", "v1", "namespaces", "", "web"), "/api/v1/namespaces/web");
  EXPECT_EQ(path_of("", "v1", "pods", "web", "a"), "/api/v1/namespaces/web/pods/a");
  EXPECT_EQ(path_of("apps", "v1", "deployments", "web", ""),
            "/apis/apps/v1/namespaces/web/deployments");
  EXPECT_EQ(path_of("", "v1", "pods", "a/b", "../c?d#e%f g\n"),
            "/api/v1/namespaces/a%2Fb/pods/..%2Fc%3Fd%23e%25f%20g%0A");
  EXPECT_EQ(path_of("", "v1", "namespaces", "", ".."), "/api/v1/namespaces/%2E%2E");
  EXPECT_EQ(percent_encoded("aZ09-_.~\xC3\xA9+="), "aZ09-_.~%C3%A9%2B%3D");
}

TEST(Objects, ARequestNeedsAPermission) {
  const struct {
    const char *method, *path, *permission;
  } rows[] = {
      {"GET", "/api/v1/namespaces?limit=5", "list namespaces"},
      {"GET", "/api/v1/namespaces?watch=true&x=y", "watch namespaces"},
      {"GET", "/api/v1/namespaces/web", "get namespaces named web"},
      {"GET", "/api/v1/namespaces/web/pods", "list pods in namespace web"},
      {"PUT", "/api/v1/namespaces/web/secrets/s", "update secrets named s in namespace web"},
      {"PATCH", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/p",
       "patch validatingwebhookconfigurations.admissionregistration.k8s.io named p"},
      {"POST", "/apis/apps/v1/namespaces/web/deployments",
       "create deployments.apps in namespace web"},
      {"DELETE", "/api/v1/namespaces/web/pods/a", "delete pods named a in namespace web"},
      {"GET", "/api/v1/namespaces/web/pods/a/log", "get pods/log named a in namespace web"},
      {"GET", "/version", ""},
      {"GET", "/api/v1", ""},
  };
  for (const auto& row : rows)
    EXPECT_EQ(permission_of(request_of(row.method, row.path)), row.permission) << row.path;
}

TEST(Objects, AnErrorOfTheApiIsOneLine) {
  const auto text = [](int status, const std::string& body) {
    return api_error(request_of("GET", "/api/v1/namespaces/web?x=y"), {status, body, {}})
        .to_string();
  };
  EXPECT_EQ(
      text(403, R"({"kind":"Status","message":"namespaces is\nforbidden","reason":"Forbidden"})"),
      "GET /api/v1/namespaces/web: the API server answers 403 Forbidden: namespaces is "
      "forbidden; allow it with a role: get namespaces named web");
  EXPECT_THAT(text(401, R"({"kind":"Status","message":"Unauthorized","reason":"Unauthorized"})"),
              HasSubstr("; the API server does not accept these credentials"));
  EXPECT_EQ(text(404, ""), "GET /api/v1/namespaces/web: the API server answers 404");
  EXPECT_THAT(text(409, ""), HasSubstr("it was changed in the meantime"));
  EXPECT_EQ(
      text(502, "<html>\r\nBad gateway"),
      "GET /api/v1/namespaces/web: the API server answers 502: <html>  Bad gateway; try again "
      "later");
  EXPECT_LT(text(500, R"({"kind":"Status","message":")" + std::string(100000, 'x') + "\"}").size(),
            2000U);
  EXPECT_THAT(text(500, R"({"kind":"Status","message":7,"reason":[]})"), HasSubstr("answers 500;"));
}

/// `PAGE:TOKEN`, one item for each letter of PAGE.
Result<Page> read_page(std::string_view body) {
  const auto colon = body.find(':');
  return Page{std::string(body.substr(colon + 1)), colon};
}
PageLimits limits_of(std::size_t page_size, std::size_t max_items) {
  PageLimits limits;
  limits.page_size = page_size;
  limits.max_items = max_items;
  limits.deadline = steady_clock::now() + std::chrono::minutes(1);
  return limits;
}

TEST(ListPages, ReadsThemAll) {
  FakeTransport transport([](std::size_t number, const Request&, const std::stop_token&,
                             const auto&) -> Result<Response> {
    return Response{200, number < 3 ? "ab:t=" + std::to_string(number) : "c:", {}};
  });
  std::string seen;
  const auto listed =
      list_pages(transport, "/pods?x=y", limits_of(2, 100), [&](std::string_view body) {
        seen += body.substr(0, body.find(':'));
        return read_page(body);
      });
  ASSERT_TRUE(listed);
  EXPECT_EQ(seen, "ababc");
  EXPECT_EQ(listed->items, 5U);
  EXPECT_FALSE(listed->cut);
  EXPECT_THAT(transport.paths(),
              ElementsAre("/pods?x=y&limit=2", "/pods?x=y&limit=2&continue=t%3D1",
                          "/pods?x=y&limit=2&continue=t%3D2"));
}

TEST(ListPages, StopsAtTheMostItems) {
  FakeTransport transport([](std::size_t, const Request& request, const std::stop_token&,
                             const auto&) -> Result<Response> {
    const auto at = request.path.find("limit=") + 6;
    return Response{200, std::string(std::stoul(request.path.substr(at)), 'x') + ":more", {}};
  });
  const auto listed = list_pages(transport, "/pods", limits_of(4, 10), read_page);
  EXPECT_EQ(listed->items, 10U);
  EXPECT_TRUE(listed->cut);
  EXPECT_THAT(transport.paths(), ElementsAre("/pods?limit=4", "/pods?limit=4&continue=more",
                                             "/pods?limit=2&continue=more"));
}

TEST(ListPages, IsCutByTheDeadlineAndByATokenThatExpired) {
  auto limits = limits_of(4, 100);
  limits.deadline = steady_clock::now() - milliseconds(1);
  const auto first = [](std::size_t, const Request&, const std::stop_token&,
                        const auto&) -> Result<Response> { return Response{200, "ab:more", {}}; };
  FakeTransport late(first);
  const auto listed = list_pages(late, "/pods", limits, read_page);
  EXPECT_EQ(listed->items, 2U);
  EXPECT_TRUE(listed->cut);
  EXPECT_EQ(late.paths().size(), 1U);

  FakeTransport expired([&](std::size_t number, const Request&, const std::stop_token&,
                            const auto&) -> Result<Response> {
    if (number == 1) return Response{200, "ab:more", {}};
    return Response{410, "", {}};
  });
  const auto cut = list_pages(expired, "/pods", limits_of(4, 100), read_page);
  EXPECT_EQ(cut->items, 2U);
  EXPECT_TRUE(cut->cut);
}

TEST(ListPages, SaysWhatGoesWrong) {
  FakeTransport forbidden([](std::size_t, const Request&, const std::stop_token&,
                             const auto&) -> Result<Response> { return Response{403, "", {}}; });
  EXPECT_THAT(list_pages(forbidden, "/api/v1/namespaces/web/pods", limits_of(4, 10), read_page)
                  .error()
                  .to_string(),
              HasSubstr("allow it with a role: list pods in namespace web"));
  FakeTransport broken([](std::size_t number, const Request&, const std::stop_token&,
                          const auto&) -> Result<Response> {
    if (number == 1) return Response{200, "ab:more", {}};
    return FakeTransport::broken();
  });
  EXPECT_EQ(list_pages(broken, "/pods", limits_of(4, 10), read_page).error().message,
            "the connection broke");
  FakeTransport strange([](std::size_t, const Request&, const std::stop_token&,
                           const auto&) -> Result<Response> { return Response{200, "?", {}}; });
  EXPECT_EQ(
      list_pages(strange, "/pods", limits_of(4, 10),
                 [](std::string_view) -> Result<Page> { return FakeTransport::broken("no list"); })
          .error()
          .message,
      "no list");
}

TEST(SendUntil, IsBoundedInTimeAndSize) {
  FakeTransport dripping([](std::size_t, const Request&, const std::stop_token&,
                            const auto& take) -> Result<Response> {
    while (take("x")) {
    }
    return Response{200, "", {}};
  });
  Request request = request_of("GET", "/x?y");
  request.timeout = milliseconds(20);
  EXPECT_EQ(send_until(dripping, request, {}).error().message, "GET /x: no answer in time (20 ms)");
  request.timeout = std::chrono::minutes(1);
  EXPECT_EQ(send_until(dripping, request, {}, 100).error().message,
            "GET /x: the answer is larger than 100 bytes");
  FakeTransport plain([](std::size_t number, const Request&, const std::stop_token&,
                         const auto&) -> Result<Response> {
    return Response{number == 1 ? 200 : 404, "text", {}};
  });
  EXPECT_EQ(send_until(plain, request, {}, 4).value().body, "text");
  EXPECT_EQ(send_until(plain, request, {}).value().body, "text");
  std::stop_source stop;
  stop.request_stop();
  FakeTransport hung([](std::size_t, const Request&, const std::stop_token& token, const auto&) {
    return FakeTransport::hang(token);
  });
  EXPECT_FALSE(send_until(hung, request, stop.get_token()));
}

}  // namespace
}  // namespace plimsoll::kube
