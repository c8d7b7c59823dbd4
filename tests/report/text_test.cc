#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using testing::benchmark;
using ::testing::EndsWith;
using testing::full_sample;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Report;
using testing::sample;
using testing::write;

TEST(Text, ShowsThePlaceAsACompilerDoes) {
  EXPECT_EQ(write(text, full_sample()), R"(fail Pod shop/web deploy/web.yaml:7
deploy/web.yaml:17:23: container "app" is privileged [privileged, critical]
   16 |         securityContext:
   17 |           privileged: true
      |                       ^~~~
      = fix: set it to false

skip document: no pod template is known in Service of v1
error x.yaml:1:2: broken

accepted deploy/web.yaml:20:11: volume "proc" mounts the node's /proc [host-path, critical]: the node exporter reads it
no longer needed deploy/old.yaml: Pod old: privileged

4 resources against restricted@v1.37: 1 passed, 1 failed, 1 error, 1 skipped; 1 finding, 2 accepted
1 can be mended by `plimsoll fix`
)");
}

TEST(Text, NeedsNoTextToShow) {
  EXPECT_THAT(write(text, sample()),
              HasSubstr("fail Pod shop/web\\x1b[31m web.yaml:7\n"
                        "web.yaml:17:15: container \"app\" is privileged [privileged, critical]\n"
                        "      = fix: set it to false\n\n"));
}

TEST(Text, NamesTheResourceWhereThereIsNoFile) {
  Report report = full_sample();
  Resource& bad = report.resources[0];
  bad.source = {};
  bad.findings[0].region = {};
  bad.findings[0].excerpt = {};
  bad.accepted.clear();
  const std::string written = write(text, report);
  EXPECT_THAT(written, HasSubstr("fail Pod shop/web\n"
                                 "  container \"app\" is privileged [privileged, critical]\n"
                                 "      = fix: set it to false\n"));
  EXPECT_THAT(written, Not(HasSubstr("plimsoll fix")));  // which mends files
}

TEST(Text, ABenchmarkIsToldItemByItem) {
  EXPECT_EQ(write(text, benchmark()),
            "[WARN] 5.5    No container is privileged\n"
            "              db: it is\n"
            "              = fix: Remove privileged, or set it to false; add the one capability "
            "that is needed instead.\n"
            "[PASS] 5.10   The network of the host is not shared\n\n"
            "2 resources against CIS Docker 1.6.0: 1 passed, 1 failed; 1 finding\n");
}

TEST(Text, SaysWhoAsksAndWhatElseIsKnown) {
  Report report = sample();
  Resource& bad = report.resources[0];
  bad.source = {};
  bad.findings[0].region = {};
  bad.findings[0].template_ref = "baseline@v1.37";
  bad.findings[0].mode = "warn";
  bad.facts = {{"pods", std::uint64_t{3}}, {"firstSeen", "yester\x1b"}};
  EXPECT_THAT(write(text, report),
              HasSubstr("fail Pod shop/web\\x1b[31m (pods: 3, first seen: yester\\x1b)\n"
                        "  container \"app\" is privileged [privileged, critical, warn by "
                        "baseline@v1.37]\n"));
}

TEST(Text, SaysWhatItHasNotSeenAndWhatWasBefore) {
  Report report = sample();
  report.head.subject = "cluster x";
  report.head.earlier = {{"2026-11-19T12:00:00Z", {.failed = 3, .findings = 9}, {}}};
  report.missing = {"pods of a: forbidden"};
  const std::string written = write(text, report);
  EXPECT_THAT(written, HasSubstr("not looked at pods of a: forbidden\n"));
  EXPECT_THAT(written, HasSubstr("cluster x: 4 resources against restricted@v1.37"));
  EXPECT_THAT(written, HasSubstr("on 2026-11-19T12:00:00Z: 3 failed; 9 findings\n"
                                 "This report is partial: one thing could not be looked at.\n"));
}

TEST(Text, WhatIsWrongInOnePlaceIsToldTogether) {
  Report report = full_sample();
  auto& findings = report.resources[0].findings;
  findings[0].region = {17, 11, 17, 21};
  findings.insert(findings.begin(), findings[0]);
  findings[0].check = find_check("drop-all");
  findings[0].message = "it keeps capabilities";
  findings[0].region = {18, 7, 18, 14};
  findings.push_back(findings[1]);
  findings[2].message = "it may gain privileges";
  findings[2].check = find_check("allow-privilege-escalation");
  findings.push_back(findings[2]);
  findings[3].message = "so may another";
  findings[2].advice = findings[3].advice = "set something else";
  EXPECT_THAT(write(text, report), HasSubstr(R"(
deploy/web.yaml:17:11: container "app" is privileged [privileged, critical]
deploy/web.yaml:17:11: it may gain privileges [allow-privilege-escalation, high]
deploy/web.yaml:17:11: so may another [allow-privilege-escalation, high]
   16 |         securityContext:
   17 |           privileged: true
      |           ^~~~~~~~~~
      = fix: set it to false
      = fix: set something else
deploy/web.yaml:18:7: it keeps capabilities [drop-all, medium]
   17 |           privileged: true
   18 |       volumes:
      |       ^~~~~~~
      = fix: set it to false

)"));
}

TEST(Text, SaysWhoDecides) {
  Report report = full_sample();
  auto& findings = report.resources[0].findings;
  findings[0].patch = "[]";
  findings[0].advice = "Use a persistentVolumeClaim";
  EXPECT_THAT(write(text, report), HasSubstr("      = help: Use a persistentVolumeClaim\n"));
  EXPECT_THAT(write(text, report), Not(HasSubstr("plimsoll fix")));
  Check check = *find_check("privileged");
  check.risk = "The image may not like it.";
  findings[0] = full_sample().resources[0].findings[0];
  findings.push_back(findings[0]);
  findings[1].check = &check;
  findings[1].region = {18, 7, 18, 14};
  const std::string written = write(text, report);
  EXPECT_THAT(written, HasSubstr("      = fix: set it to false\n"));
  EXPECT_THAT(written, HasSubstr("      = fix, but test it: set it to false\n"));
  EXPECT_THAT(written,
              EndsWith("2 can be mended by `plimsoll fix`, 1 of them only with --allow-risky\n"));
}

TEST(Text, CountsWhatPasses) {
  Report report = sample();
  report.resources.assign(2, report.resources[1]);
  EXPECT_EQ(write(text, report),
            "2 resources against restricted@v1.37: 2 passed, 0 failed; 0 findings\n");
}

// One line each, without a gap between them, but one to what is longer.
TEST(Text, LeavesRoomBetweenResources) {
  Report report = sample();
  auto& resources = report.resources;
  resources = {resources[2], resources[3], resources[0], resources[0], resources[2]};
  resources[2].name = resources[3].name = "web";
  EXPECT_THAT(write(text, report),
              HasSubstr(R"(skip document: no pod template is known in Service of v1
error x.yaml:1:2: broken

fail Pod shop/web web.yaml:7
web.yaml:17:15: container "app" is privileged [privileged, critical]
      = fix: set it to false

fail Pod shop/web web.yaml:7
web.yaml:17:15: container "app" is privileged [privileged, critical]
      = fix: set it to false

skip document: no pod template is known in Service of v1

5 resources against)"));
}

TEST(Text, ColourOnlyWhenAskedForAndNeverFromAManifest) {
  EXPECT_THAT(write(text, sample()), Not(HasSubstr("\x1b")));
  const std::string coloured = write(text, sample(), {.colour = true});
  EXPECT_THAT(coloured, HasSubstr("\x1b[31mfail\x1b[0m"));
  EXPECT_THAT(coloured, HasSubstr("web\\x1b[31m"));
  Report report = full_sample();
  Resource& bad = report.resources[0];
  for (std::string* const piece :
       {&bad.source.file, &bad.kind, &bad.namespace_name, &bad.name, &bad.findings[0].message,
        &bad.findings[0].advice, &bad.findings[0].excerpt.lines[1], &bad.accepted[0].message,
        &bad.accepted[0].accepted->reason, &report.resources[2].reason, &report.resources[3].reason,
        &report.stale[0]})
    *piece += "\x1b[31m\n\xFF\xE2\x80\xAE";
  const std::string written = write(text, report);
  for (const char* hidden : {"\x1b", "\xFF", "\xE2\x80\xAE"})
    EXPECT_THAT(written, Not(HasSubstr(hidden)));
  EXPECT_EQ(std::ranges::count(written, '\n'),
            std::ranges::count(write(text, full_sample()), '\n'));
}

// With the colours taken away it is the same text.
TEST(Text, ColoursChangeNoWord) {
  std::string plain = write(text, full_sample(), {.colour = true});
  for (std::size_t at = 0; (at = plain.find('\x1b')) != std::string::npos;)
    plain.erase(at, plain.find('m', at) + 1 - at);
  EXPECT_EQ(plain, write(text, full_sample()));
}

}  // namespace
}  // namespace plimsoll::report
