#include "metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace plimsoll::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST(Registry, IsEmptyAtFirst) { EXPECT_EQ(Registry().render(), ""); }

TEST(Registry, WritesACounter) {
  Registry registry;
  auto& counter = registry.counter("reviews_total", "Reviews answered.");
  EXPECT_EQ(registry.render(),
            "# HELP reviews_total Reviews answered.\n# TYPE reviews_total counter\n"
            "reviews_total 0\n");
  counter.add();
  counter.add(41);
  EXPECT_EQ(counter.value(), 42U);
  EXPECT_THAT(registry.render(), HasSubstr("\nreviews_total 42\n"));
}

TEST(Registry, WritesAGauge) {
  Registry registry;
  auto& gauge = registry.gauge("open", "Open connections.");
  gauge.set(5);
  gauge.add(-7);
  EXPECT_EQ(registry.render(), "# HELP open Open connections.\n# TYPE open gauge\nopen -2\n");
}

TEST(Registry, WritesLargeNumbersExactly) {
  Registry registry;
  registry.counter("c", "c").add(std::numeric_limits<std::uint64_t>::max());
  registry.gauge("g", "g").set(std::numeric_limits<std::int64_t>::min());
  EXPECT_THAT(registry.render(), HasSubstr("\nc 18446744073709551615\n"));
  EXPECT_THAT(registry.render(), HasSubstr("\ng -9223372036854775808\n"));
}

TEST(Registry, WritesLabels) {
  Registry registry;
  registry.counter("c", "c", {{"scope", "pod"}, {"decision", "denied"}}).add(3);
  EXPECT_THAT(registry.render(), HasSubstr("\nc{scope=\"pod\",decision=\"denied\"} 3\n"));
}

// Source: the text format's own rule: backslash, double quote and line feed.
TEST(Registry, EscapesLabels) {
  Registry registry;
  registry.counter("c", "c", {{"path", "a\\b\"c\nd"}});
  EXPECT_THAT(registry.render(), HasSubstr(R"(c{path="a\\b\"c\nd"} 0)"
                                           "\n"));
  EXPECT_EQ(lines_of(registry.render()).size(), 3U);
}

// The lines of one name must stand together, and its HELP and TYPE only once.
TEST(Registry, KeepsTheLinesOfANameTogether) {
  Registry registry;
  registry.counter("a", "The first.", {{"x", "1"}});
  registry.gauge("b", "The second.");
  registry.counter("a", "The first.", {{"x", "2"}});
  registry.computed("c", "The third.", "gauge", [] { return 1.0; });
  registry.counter("a", "The first.", {{"x", "3"}});
  const std::string text = registry.render();
  EXPECT_EQ(lines_of(text),
            (std::vector<std::string>{"# HELP a The first.", "# TYPE a counter", "a{x=\"1\"} 0",
                                      "a{x=\"2\"} 0", "a{x=\"3\"} 0", "# HELP b The second.",
                                      "# TYPE b gauge", "b 0", "# HELP c The third.",
                                      "# TYPE c gauge", "c 1"}));
}

TEST(Registry, AsksForAComputedValueEachTime) {
  Registry registry;
  double value = 1;
  registry.computed("v", "v", "gauge", [&] { return value; }, {{"k", "x"}});
  EXPECT_THAT(registry.render(), HasSubstr("\nv{k=\"x\"} 1\n"));
  value = 2.5;
  EXPECT_THAT(registry.render(), HasSubstr("\nv{k=\"x\"} 2.5\n"));
  value = 1.8e9;  // a time in seconds
  EXPECT_THAT(registry.render(), MatchesRegex("(.|\n)*v.k=\"x\". (1800000000|1.8e\\+0?9)\n"));
}

TEST(Registry, CountsBucketsCumulatively) {
  Registry registry;
  auto& histogram = registry.histogram("seconds", "How long.");
  for (const double seconds : {0.0, 1e-5, 1.1e-5, 3e-4, 0.002, 0.002, 0.5, 1.0, 1.5, 60.0})
    histogram.observe(seconds);
  const auto lines = lines_of(registry.render());
  ASSERT_EQ(lines.size(), 2 + Histogram::kBounds.size() + 1 + 2);
  EXPECT_EQ(lines[0], "# HELP seconds How long.");
  EXPECT_EQ(lines[1], "# TYPE seconds histogram");
  // A bound belongs to its bucket: le is "less or equal".
  const int counts[] = {2, 3, 3, 3, 3, 4, 4, 6, 6, 6, 8, 10};
  for (std::size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
    EXPECT_TRUE(lines[2 + i].starts_with("seconds_bucket{le=\"")) << lines[2 + i];
    EXPECT_TRUE(lines[2 + i].ends_with("\"} " + std::to_string(counts[i]))) << lines[2 + i];
    const std::string bound = lines[2 + i].substr(19, lines[2 + i].find('"', 19) - 19);
    if (i < Histogram::kBounds.size())
      EXPECT_DOUBLE_EQ(std::stod(bound), Histogram::kBounds[i]);
    else
      EXPECT_EQ(bound, "+Inf");
  }
  const std::string sum = lines[lines.size() - 2];
  ASSERT_TRUE(sum.starts_with("seconds_sum ")) << sum;
  EXPECT_NEAR(std::stod(sum.substr(12)), 63.004321, 1e-6);
  EXPECT_EQ(lines.back(), "seconds_count 10");
}

TEST(Registry, WritesAnEmptyHistogram) {
  Registry registry;
  registry.histogram("seconds", "How long.");
  EXPECT_THAT(registry.render(), HasSubstr("seconds_bucket{le=\"+Inf\"} 0\nseconds_sum 0\n"
                                           "seconds_count 0\n"));
}

TEST(Registry, KeepsItsMetricsInPlace) {
  Registry registry;
  std::vector<Counter*> counters;
  for (int i = 0; i < 1000; ++i)
    counters.push_back(&registry.counter("c", "c", {{"i", std::to_string(i)}}));
  for (std::size_t i = 0; i < counters.size(); ++i) counters[i]->add(i);
  EXPECT_THAT(registry.render(), HasSubstr("\nc{i=\"0\"} 0\nc{i=\"1\"} 1\n"));
  EXPECT_THAT(registry.render(), HasSubstr("\nc{i=\"999\"} 999\n"));
}

TEST(Registry, LosesNothingUnderThreads) {
  constexpr std::uint64_t kThreads = 4, kRounds = 5000;
  Registry registry;
  auto& counter = registry.counter("c", "c");
  auto& gauge = registry.gauge("g", "g");
  auto& histogram = registry.histogram("h", "h");
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) EXPECT_EQ(count_of(registry.render(), "# TYPE "), 3U);
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::uint64_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (std::uint64_t k = 0; k < kRounds; ++k) {
        counter.add();
        gauge.add(k % 2 == 0 ? 1 : -1);
        histogram.observe(0.001);
      }
    });
  for (auto& thread : threads) thread.join();
  stop = true;
  reader.join();
  EXPECT_EQ(counter.value(), kThreads * kRounds);
  EXPECT_EQ(gauge.value(), 0);
  EXPECT_THAT(registry.render(), HasSubstr("\nh_count 20000\n"));
  EXPECT_THAT(registry.render(), HasSubstr("\nh_bucket{le=\"+Inf\"} 20000\n"));
}

TEST(ProcessMetrics, TellOfThisProcess) {
  Registry registry;
  add_process_metrics(registry);
  const std::string text = registry.render();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_start_time_seconds"}) {
    const std::string start = "\n" + std::string(name) + " ";
    const auto at = ("\n" + text).find(start);
    ASSERT_NE(at, std::string::npos) << name;
    EXPECT_GE(std::stod(text.substr(at + start.size() - 1)), 0) << name;
  }
  EXPECT_EQ(count_of(text, "# HELP "), 4U);
  EXPECT_THAT(text, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE process_resident_memory_bytes gauge\n"));
}

}  // namespace
}  // namespace plimsoll::metrics
