#include "kube/proxy.h"

#include <gtest/gtest.h>

#include <map>

namespace plimsoll::kube {
namespace {

// As golang.org/x/net/http/httpproxy decides.
TEST(Proxy, NoProxyIsReadAsGoReadsIt) {
  const struct {
    const char* no_proxy;
    const char* host;
    std::uint16_t port;
    bool excluded;
  } rows[] = {
      {"", "a.example", 443, false},
      {"*", "a.example", 443, true},
      {"a.example", "a.example", 443, true},
      {"a.example", "A.Example", 443, true},
      {"a.example", "b.a.example", 443, true},
      {"a.example", "ba.example", 443, false},
      {".example", "a.example", 443, true},
      {".example", "example", 443, false},
      {"*.example", "a.example", 443, true},
      {"*.example", "example", 443, false},
      {"a.example:6443", "a.example", 6443, true},
      {"a.example:6443", "a.example", 443, false},
      {" x , a.example ,", "a.example", 443, true},
      {"10.0.0.1", "10.0.0.1", 443, true},
      {"10.0.0.1", "10.0.0.11", 443, false},
      {"10.0.0.1:443", "10.0.0.1", 443, true},
      {"10.0.0.1:80", "10.0.0.1", 443, false},
      {"10.0.0.0/8", "10.200.0.1", 443, true},
      {"10.0.0.0/8", "11.0.0.1", 443, false},
      {"10.0.0.0/9", "10.200.0.1", 443, false},
      {"0.0.0.0/0", "10.200.0.1", 443, true},
      {"0.0.0.0/0", "fd00::1", 443, false},
      {"10.0.0.0/33", "10.0.0.1", 443, false},
      {"10.0.0.0/x", "10.0.0.1", 443, false},
      {"fd00::/8", "fd12::1", 443, true},
      {"fd00::/8", "fe80::1", 443, false},
      {"fd00::1", "fd00:0::1", 443, true},
      {"[fd00::1]:443", "fd00::1", 443, true},
      {"[fd00::1]:80", "fd00::1", 443, false},
      {"0.0.1", "10.0.0.1", 443, false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(excluded_from_proxy(row.no_proxy, row.host, row.port), row.excluded)
        << row.no_proxy << " " << row.host << ":" << row.port;
}

TEST(Proxy, TheEnvironmentNamesOne) {
  const auto through = [](const std::map<std::string, std::string>& variables, const char* server,
                          const char* configured = "") -> std::string {
    const auto proxy = proxy_for(parse_url(server).value(), configured, [&](const std::string& n) {
      const auto at = variables.find(n);
      return at == variables.end() ? "" : at->second;
    });
    return !proxy ? "error" : *proxy ? (*proxy)->authority() : "direct";
  };
  EXPECT_EQ(through({}, "https://a.example"), "direct");
  EXPECT_EQ(through({{"HTTPS_PROXY", "http://p:3128/"}}, "https://a.example"), "p:3128");
  EXPECT_EQ(through({{"https_proxy", "p"}}, "https://a.example"), "p:80");
  EXPECT_EQ(through({{"HTTPS_PROXY", "one"}, {"https_proxy", "two"}}, "https://a.example"),
            "one:80");
  EXPECT_EQ(through({{"HTTP_PROXY", "p"}}, "https://a.example"), "direct");
  EXPECT_EQ(through({{"HTTP_PROXY", "p"}}, "http://a.example"), "p:80");
  EXPECT_EQ(through({{"HTTPS_PROXY", "p"}, {"NO_PROXY", "example"}}, "https://a.example"),
            "direct");
  EXPECT_EQ(through({{"HTTPS_PROXY", "p"}, {"no_proxy", "example"}}, "https://a.example"),
            "direct");
  for (const char* const loopback : {"https://localhost", "https://LOCALHOST:1",
                                     "https://127.0.0.1", "https://127.9.9.9", "https://[::1]:1"}) {
    EXPECT_EQ(through({{"HTTPS_PROXY", "p"}}, loopback), "direct") << loopback;
    EXPECT_EQ(through({{"HTTPS_PROXY", "p"}}, loopback, "q"), "q:80") << loopback;
  }
  EXPECT_EQ(through({{"NO_PROXY", "*"}}, "https://a.example", "http://q:1"), "q:1");
  EXPECT_EQ(through({{"HTTPS_PROXY", "p:x"}}, "https://a.example"), "error");
  EXPECT_EQ(through({{"HTTPS_PROXY", "socks5://p"}}, "https://a.example"), "error");
}

TEST(Proxy, UrlsAreTakenApart) {
  const auto url = parse_url("HTTPS://us%40er:p%3A@[fd00::1]:6443/a/b//").value();
  EXPECT_TRUE(url.tls);
  EXPECT_EQ(url.host, "fd00::1");
  EXPECT_EQ(url.port, 6443);
  EXPECT_EQ(url.user_info, "us@er:p:");
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(url.authority(), "[fd00::1]:6443");
  EXPECT_EQ(parse_url("http://a").value().port, 80);
  EXPECT_EQ(parse_url("https://a").value().authority(), "a:443");
}

}  // namespace
}  // namespace plimsoll::kube
