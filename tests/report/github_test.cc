#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "report/format.h"
#include "report/sample.h"

namespace plimsoll::report {
namespace {

using testing::full_sample;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Report;
using testing::sample;
using ::testing::StartsWith;
using testing::write;

// What is accepted, skipped or passed has no annotation: there is nothing to do about it.
TEST(Github, AnnotatesFindingsAndErrors) {
  Report report = full_sample();
  report.resources[3].source = {"x.yaml", 0, 1};
  EXPECT_EQ(write(github, report),
            "::error file=deploy/web.yaml,line=17,col=23,endColumn=27,title=privileged (critical)::"
            "Pod shop/web: container \"app\" is privileged. Fix: set it to false\n"
            "::error file=x.yaml,line=1,title=not judged::x.yaml:1:2: broken\n"
            "::notice title=no longer needed::deploy/old.yaml: Pod old: privileged\n"
            "4 resources against restricted@v1.37: 1 passed, 1 failed, 1 error, 1 skipped; "
            "1 finding, 2 accepted\n");
}

TEST(Github, LeavesOutWhatIsNotKnown) {
  Report report = sample();
  EXPECT_THAT(write(github, report), StartsWith("::error file=web.yaml,line=17,title="));
  report.resources[0].findings[0].region = {};
  EXPECT_THAT(write(github, report), StartsWith("::error file=web.yaml,title="));
  for (const char* file : {"", "-"}) {
    report.resources[0].source.file = file;
    EXPECT_THAT(write(github, report), StartsWith("::error title="));
  }
}

// GitHub refuses columns of what goes over several lines.
TEST(Github, ColumnsOnlyWithinALine) {
  Report report = full_sample();
  report.resources[0].findings[0].region.end_line = 18;
  EXPECT_THAT(write(github, report),
              StartsWith("::error file=deploy/web.yaml,line=17,endLine=18,title="));
}

TEST(Github, HasATypeForEachSeverity) {
  struct Type {
    Severity severity;
    const char* type;
  };
  for (const auto& [severity, type] :
       {Type{Severity::Critical, "::error "}, Type{Severity::High, "::error "},
        Type{Severity::Medium, "::warning "}, Type{Severity::Low, "::notice "}}) {
    Check check = *find_check("privileged");
    check.severity = severity;
    Report report = sample();
    report.resources[0].findings[0].check = &check;
    EXPECT_THAT(write(github, report), StartsWith(type));
  }
}

TEST(Github, AManifestGivesNoCommands) {
  Report report = full_sample();
  Resource& bad = report.resources[0];
  bad.source.file = "a,b:c%0A.yaml";
  bad.name = "\n::stop-commands::x";
  bad.findings[0].message = "100%\r\n::set-env name=a::b";
  report.resources[3].reason = "\n::error::x";
  report.stale = {"\n::debug::"};
  const std::string written = write(github, report);
  EXPECT_THAT(written, StartsWith("::error file=a%2Cb%3Ac%250A.yaml,line=17,"));
  EXPECT_THAT(written, HasSubstr("::Pod shop/\\x0a::stop-commands::x: 100%25\\x0d\\x0a::set-env "));
  EXPECT_THAT(written, Not(HasSubstr("\n::stop")));
  EXPECT_EQ(std::ranges::count(written, '\n'), 4);
}

TEST(Github, WhatWasNotLookedAtIsAnError) {
  Report report = sample();
  report.missing = {"100% of\na"};
  EXPECT_THAT(write(github, report), HasSubstr("::error title=not looked at::100%25 of\\x0aa\n"));
}

}  // namespace
}  // namespace plimsoll::report
