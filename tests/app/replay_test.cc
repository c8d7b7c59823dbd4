// What `plimsoll replay` makes of recorded requests: whole ones, broken ones, and whether it
// decides as the webhook does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/command.h"
#include "app/line_stream.h"
#include "app/replayed.h"
#include "app/templates_of.h"
#include "app/webhook.h"
#include "verdict/words.h"

namespace plimsoll::app::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr const char* kDenied =
    "admission webhook \"enforce.plimsoll.dev\" denied the request: pod \"x\"";

Json pod(const std::string& name, bool privileged) {
  return {{"kind", "Pod"},
          {"apiVersion", "v1"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"containers",
             {{{"name", "app"},
               {"image", "app:1"},
               {"securityContext", {{"privileged", privileged}}}}}}}}};
}

/// A pod's creation, as the API server writes it down.
Json event(const Json& object, const std::string& space = "shop", const std::string& user = "ada") {
  static int count = 0;
  const std::string id = std::to_string(++count);
  return {{"kind", "Event"},
          {"apiVersion", "audit.k8s.io/v1"},
          {"level", "RequestResponse"},
          {"auditID", "audit-" + id},
          {"stage", "ResponseComplete"},
          {"requestURI", "/api/v1/namespaces/" + space + "/pods"},
          {"verb", "create"},
          {"user", {{"username", user}, {"groups", {"system:authenticated"}}}},
          {"objectRef", {{"resource", "pods"}, {"namespace", space}, {"apiVersion", "v1"}}},
          {"responseStatus", {{"code", 201}}},
          {"requestObject", object},
          {"responseObject", object},
          {"requestReceivedTimestamp",
           "2026-03-01T08:00:" + std::string(id.size() < 2 ? "0" : "") + id + ".000000Z"}};
}

Json bad(const std::string& name = "bad") { return event(pod(name, true)); }
Json good(const std::string& name = "good") { return event(pod(name, false)); }

Json denied(Json of) {
  of["responseStatus"] = {{"code", 403}, {"message", kDenied}};
  of["responseObject"] = {{"kind", "Status"}};
  return of;
}

Json lease() {
  Json one = good();
  one["objectRef"] = {{"resource", "leases"}, {"apiGroup", "coordination.k8s.io"}};
  return one;
}

Json namespace_event(const std::string& name, const std::string& level) {
  Json object = {{"kind", "Namespace"}, {"apiVersion", "v1"}, {"metadata", {{"name", name}}}};
  if (!level.empty()) object["metadata"]["labels"] = {{"plimsoll.dev/enforce", level}};
  Json one = event(object, name);
  one["objectRef"] = {{"resource", "namespaces"}, {"name", name}, {"apiVersion", "v1"}};
  return one;
}

std::string lines(const std::vector<Json>& all) {
  std::string text;
  for (const Json& one : all) text += one.dump() + "\n";
  return text;
}

std::string gzip(std::string_view text) {
  z_stream zip{};
  EXPECT_EQ(deflateInit2(&zip, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&zip, text.size()) + 64, '\0');
  zip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  zip.avail_in = static_cast<uInt>(text.size());
  zip.next_out = reinterpret_cast<Bytef*>(out.data());
  zip.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&zip, Z_FINISH), Z_STREAM_END);
  out.resize(zip.total_out);
  deflateEnd(&zip);
  return out;
}

class Replay : public ::testing::Test {
 protected:
  struct Report {
    int status = -1;
    Json json;
    std::string errors;

    /// A number of the whole recording.
    [[nodiscard]] int total(const char* name) const { return json.at("facts").at(name); }
    [[nodiscard]] std::vector<Json> changes() const { return json.at("resources"); }
    [[nodiscard]] std::vector<std::string> missing() const {
      return json.value("missing", std::vector<std::string>());
    }
  };
  static Report replay(std::vector<std::string> words, std::string_view input = "") {
    words.insert(words.begin(), {"replay", "-o", "json"});
    const auto ran = run(words, input);
    Json json = Json::parse(ran.output, nullptr, false);
    EXPECT_TRUE(json.is_object()) << ran.output << ran.errors;
    return {ran.status, std::move(json), ran.errors};
  }
  Report baseline(const std::string& text, const std::string& name = "audit.log") {
    folder_.write(name, text);
    return replay({"-t", "baseline", path(name)});
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  /// A partial report that says so in one line, and on standard error.
  void expect_partial(const Report& report, const std::string& says) {
    EXPECT_EQ(report.status, 2);
    EXPECT_THAT(report.missing(), ElementsAre(HasSubstr(says)));
    EXPECT_THAT(report.errors, HasSubstr(says));
    EXPECT_EQ(std::ranges::count(report.errors, '\n'), 1) << report.errors;
  }

  const Folder folder_;
};

// --- what is found -------------------------------------------------------------------------------

TEST_F(Replay, TellsWhatWouldNewlyBeDenied) {
  const Report report = baseline(lines({good(), lease(), bad(), good()}));
  EXPECT_EQ(report.status, 1);
  EXPECT_THAT(report.errors, IsEmpty());
  EXPECT_EQ(report.total("lines"), 4);
  EXPECT_EQ(report.total("requests"), 3);
  EXPECT_EQ(report.total("allowed"), 2);
  EXPECT_EQ(report.total("newlyDenied"), 1);
  ASSERT_THAT(report.changes(), SizeIs(1));
  const Json change = report.changes()[0];
  EXPECT_EQ(change.at("kind"), "Pod");
  EXPECT_EQ(change.at("namespace"), "shop");
  EXPECT_EQ(change.at("name"), "bad");
  EXPECT_EQ(change.at("verdict"), "fail");
  ASSERT_THAT(change.at("findings"), SizeIs(1));
  EXPECT_EQ(change.at("findings")[0].at("check"), "privileged");
  EXPECT_THAT(change.at("findings")[0].at("patch"), SizeIs(1));
  const Json& facts = change.at("facts");
  EXPECT_EQ(facts.at("change"), "newly denied");
  EXPECT_EQ(facts.at("count"), 1);
  EXPECT_EQ(facts.at("operation"), "CREATE");
  EXPECT_EQ(facts.at("users"), "ada");
  EXPECT_EQ(facts.at("example"), path("audit.log") + ":3");
  EXPECT_THAT(facts.at("exampleId").get<std::string>(), HasSubstr("audit-"));
}

TEST_F(Replay, PassesWhereNothingChanges) {
  const Report report = baseline(lines({good(), denied(bad()), lease()}));
  EXPECT_EQ(report.status, 0) << report.errors;
  EXPECT_EQ(report.total("stillDenied"), 1);
  EXPECT_THAT(report.changes(), IsEmpty());
  EXPECT_EQ(report.json.at("summary").at("resources"), 0) << "the whole is no resource that passes";
}

TEST_F(Replay, PutsTogetherWhatComesOfOneOwner) {
  std::vector<Json> all;
  for (int i = 0; i < 30; ++i) {
    Json object = pod("web-7d4b-" + std::to_string(i), true);
    object["metadata"]["labels"] = {{"pod-template-hash", "7d4b"}};
    object["metadata"]["ownerReferences"] = {
        {{"kind", "ReplicaSet"}, {"name", "web-7d4b"}, {"controller", true}}};
    all.push_back(event(object, "shop", "user-" + std::to_string(i % 7)));
  }
  Json other = pod("web-7d4b-x", true);  // of the same owner, but with another finding
  other["metadata"] = all[0]["responseObject"]["metadata"];
  other["spec"]["hostPID"] = true;
  all.push_back(event(other));
  const Report report = baseline(lines(all));
  ASSERT_THAT(report.changes(), SizeIs(2));
  for (const Json& change : report.changes()) {
    EXPECT_EQ(change.at("name"), "web");
    EXPECT_EQ(change.at("facts").at("owner"), "Deployment web");
  }
  const auto changes = report.changes();
  const Json& many = changes[changes[0].at("facts").at("count") == 30 ? 0 : 1];
  EXPECT_EQ(many.at("facts").at("count"), 30);
  EXPECT_EQ(many.at("facts").at("users"), "user-0, user-1, user-2, user-3, user-4, others");
  EXPECT_EQ(many.at("facts").at("first"), all[0]["requestReceivedTimestamp"]);
  EXPECT_EQ(many.at("facts").at("last"), all[29]["requestReceivedTimestamp"]);
  EXPECT_EQ(report.total("newlyDenied"), 31);
}

TEST_F(Replay, TellsWhatWouldNoLongerBeDenied) {
  const Report report = baseline(lines({denied(good("now-good"))}));
  EXPECT_EQ(report.status, 0);
  EXPECT_EQ(report.total("noLongerDenied"), 1);
  ASSERT_THAT(report.changes(), SizeIs(1));
  EXPECT_EQ(report.changes()[0].at("verdict"), "pass");
  EXPECT_EQ(report.changes()[0].at("facts").at("change"), "no longer denied");
}

TEST_F(Replay, CountsApartWhatFailedForOtherReasons) {
  Json conflict = bad();
  conflict["responseStatus"] = {{"code", 409}, {"message", "already exists"}};
  const Report report = baseline(lines({conflict, good()}));
  EXPECT_EQ(report.status, 0);
  EXPECT_EQ(report.total("failed"), 1);
  EXPECT_EQ(report.total("newlyDenied"), 0);
}

TEST_F(Replay, SaysWhereAnUpdateIsInDoubt) {
  Json update = bad();
  update["verb"] = "update";
  update["responseStatus"]["code"] = 200;
  const Report report = baseline(lines({update}));
  ASSERT_THAT(report.changes(), SizeIs(1));
  EXPECT_THAT(report.changes()[0].at("facts").at("doubt").get<std::string>(),
              HasSubstr("changes an image"));
}

TEST_F(Replay, NamesWhatCannotBeJudged) {
  Json metadata = bad();
  metadata["level"] = "Metadata";
  metadata.erase("requestObject");
  metadata.erase("responseObject");
  const Report report = baseline(lines({metadata, good(), metadata}));
  EXPECT_EQ(report.status, 2) << "nothing is silently passed";
  EXPECT_THAT(report.missing(), ElementsAre("2 requests hold no object (audit level Metadata)"));
  EXPECT_EQ(report.total("notJudged"), 2);
}

TEST_F(Replay, SaysWhereNothingIsInIt) {
  const Report report = baseline(lines({lease(), lease()}));
  EXPECT_EQ(report.status, 2) << "an audit policy that records no pods must not look like a pass";
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("no request that makes or changes")));
}

TEST_F(Replay, KeepsAHundredFindingsOfAnExample) {
  Json object = pod("many", true);
  for (int i = 1; i < 130; ++i) {
    Json container = object["spec"]["containers"][0];
    container["name"] = "app-" + std::to_string(i);
    object["spec"]["containers"].push_back(container);
  }
  const Report report = baseline(lines({event(object)}));
  ASSERT_THAT(report.changes(), SizeIs(1));
  EXPECT_THAT(report.changes()[0].at("findings"), SizeIs(Changes::kMostFindings));
  EXPECT_EQ(report.changes()[0].at("facts").at("findingsLeftOut"), 30);
}

TEST_F(Replay, CountsWhatIsBeyondTheGroupsThatAreKept) {
  std::string text;
  for (std::size_t i = 0; i < Changes::kMostGroups + 7; ++i)
    text += bad("x" + std::to_string(i)).dump() + "\n";
  const Report report = baseline(text);
  EXPECT_EQ(report.status, 2);
  EXPECT_THAT(report.changes(), SizeIs(Changes::kMostGroups));
  EXPECT_EQ(report.total("newlyDenied"), static_cast<int>(Changes::kMostGroups + 7));
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("7 changed requests are counted but not")));
}

TEST_F(Replay, WritesEveryFormatAndTheTrend) {
  folder_.write("audit.log", lines({bad(), good(), bad("other")}));
  for (const char* format : {"text", "sarif", "junit", "github", "gitlab", "markdown", "html"}) {
    const auto ran = run({"replay", "-t", "baseline", "-o", format, path("audit.log")});
    EXPECT_EQ(ran.status, 1) << format << ran.errors;
    EXPECT_THAT(ran.output, HasSubstr("privileged")) << format;
  }
  ASSERT_EQ(
      run({"replay", "-t", "baseline", "-o", "json=" + path("before.json"), path("audit.log")})
          .status,
      1);
  const auto ran =
      run({"replay", "-t", "baseline", "--trend", path("before.json"), path("audit.log")});
  EXPECT_THAT(ran.output, HasSubstr("3 requests about pods and workloads, 2 newly denied"));
  EXPECT_THAT(ran.output, HasSubstr("2 failed; 2 findings"));
}

TEST_F(Replay, KeepsTheFirstExamples) {
  folder_.write("audit.log", lines({bad("a"), bad("a"), bad("../b")}));
  const Report report =
      replay({"-t", "baseline", "--examples", path("examples"), path("audit.log")});
  EXPECT_EQ(report.status, 1);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path("examples")))
    names.insert(entry.path().filename().string());
  EXPECT_THAT(names, ElementsAre("00001-shop-Pod-a.json", "00002-shop-Pod-.._b.json"));
  const auto checked = run({"check", "-t", "baseline", path("examples")});
  EXPECT_EQ(checked.status, 1) << "they are manifests";
  EXPECT_THAT(checked.output, HasSubstr("2 failed"));
}

TEST_F(Replay, PrintsWhatItsPageSays) {
  const std::string root = std::string(PLIMSOLL_SOURCE_DIR) + "/";
  std::string printed = run({"replay", "-t", "baseline", root + "examples/reviews"}).output;
  const auto at = printed.find(root);
  ASSERT_NE(at, std::string::npos) << printed;
  printed.erase(at, root.size());
  std::ifstream page(root + "docs/replay.md");
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  EXPECT_THAT(text,
              HasSubstr("$ plimsoll replay -t baseline examples/reviews\n" + printed + "```"));
}

// --- what is read --------------------------------------------------------------------------------

TEST_F(Replay, ReadsStandardInput) {
  const Report report = replay({"-t", "baseline", "-"}, lines({bad()}));
  EXPECT_EQ(report.status, 1);
  EXPECT_EQ(report.changes().at(0).at("facts").at("example"), "<stdin>:1");
}

TEST_F(Replay, ReadsGzipWhateverItIsCalled) {
  std::vector<Json> first(2000, good()), second(2000, bad());
  const Report report = baseline(gzip(lines(first)) + gzip(lines(second)), "audit.log");
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("lines"), 4000) << "members follow each other";
  EXPECT_EQ(report.total("newlyDenied"), 2000);
  EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path("audit.log") + ":2001");
  const Report padded = baseline(gzip(lines(first)) + std::string(700, '\0'));
  EXPECT_EQ(padded.status, 0) << padded.errors;
}

TEST_F(Replay, ReadsFoldersTheOldestFirst) {
  folder_.write("logs/audit.log", lines({bad()}));
  folder_.write("logs/audit.log.1", lines({bad()}));
  folder_.write("logs/audit.log.10.gz", gzip(lines({bad()})));
  folder_.write("logs/audit.log.2", lines({bad()}));
  folder_.write("logs/README.md", "# what is none is passed over\n");
  folder_.write("logs/.audit.log.swp", "nor what is hidden");
  const Report report = replay({"-t", "baseline", path("logs")});
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("newlyDenied"), 4);
  EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path("logs/audit.log.10.gz:1"));
}

TEST_F(Replay, ReadsDaysTheOldestFirstAndSaysWhatItPassesOver) {
  folder_.write("logs/audit.log", lines({bad()}));
  folder_.write("logs/audit.log-20261125.gz", gzip(lines({bad()})));
  folder_.write("logs/audit.log-20261109", lines({bad()}));
  folder_.write("logs/catalog", "none by its name");
  std::filesystem::create_directory_symlink(path("logs"), path("logs/again"));
  const Report report = replay({"-t", "baseline", path("logs")});
  EXPECT_EQ(report.total("newlyDenied"), 3);
  EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path("logs/audit.log-20261109:1"));
  EXPECT_EQ(report.errors,
            "plimsoll: note: " + path("logs") + ": not read: 1 by their names, 1 linked folder\n");
}

TEST_F(Replay, ReadsWhateverDateIsBehindANameTheOldestFirst) {
  for (const char* const suffix :
       {"-2026112410", "-2026112410.gz", "-2026-11-24", ".20261124", ".2026-11-24_10",
        "-1764000000", ".1764000000", "-20261124-1764000000"}) {
    const std::string folder = std::string("logs") + suffix;
    const std::string old = folder + "/audit.log" + suffix;
    folder_.write(folder + "/audit.log", lines({bad()}));
    folder_.write(old, old.ends_with(".gz") ? gzip(lines({bad()})) : lines({bad()}));
    const Report report = replay({"-t", "baseline", path(folder)});
    EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path(old) + ":1");
  }
  for (const char* const hour : {"2026112411", "2026112409", "2026112323"})
    folder_.write(std::string("hours/audit.log-") + hour, lines({bad()}));
  folder_.write("hours/audit.log.1", lines({bad()}));
  const Report report = replay({"-t", "baseline", path("hours")});
  EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path("hours/audit.log.1:1"));
  std::filesystem::remove(path("hours/audit.log.1"));
  const Report hours = replay({"-t", "baseline", path("hours")});
  EXPECT_EQ(hours.changes().at(0).at("facts").at("example"), path("hours/audit.log-2026112323:1"));
}

TEST_F(Replay, WaitsForNoPipeOfAFolder) {
  folder_.write("logs/audit.log", lines({bad()}));
  ASSERT_EQ(::mkfifo(path("logs/pipe.log").c_str(), 0600), 0);
  folder_.write("elsewhere", lines({bad()}));
  std::filesystem::create_symlink(path("elsewhere"), path("logs/link.log"));
  const Report report = replay({"-t", "baseline", path("logs")});
  expect_partial(report, path("logs/pipe.log") + ": is no regular file, and is not read");
  EXPECT_EQ(report.total("newlyDenied"), 2) << "what a link leads to is read";
}

TEST_F(Replay, ReadsAFileOnceWhateverItIsCalled) {
  folder_.write("logs/audit.log", lines({bad()}));
  std::filesystem::create_symlink("audit.log", path("logs/a-link.log"));
  std::vector<std::string> words = {"-t", "baseline", path("logs")};
  for (const char* const also : {"", ", and 1 other name"}) {
    const Report report = replay(words);
    EXPECT_EQ(report.total("requests"), 1);
    EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path("logs/audit.log:1"));
    EXPECT_EQ(report.errors, "plimsoll: note: " + path("logs/a-link.log") + also +
                                 ": read once, and named twice\n");
    words.push_back(path("logs/audit.log"));
  }
}

TEST_F(Replay, ReadsReviewsOfManyLinesAndOfOne) {
  const std::string reviews = std::string(PLIMSOLL_SOURCE_DIR) + "/examples/reviews";
  const Report report = replay({"-t", "baseline", reviews});
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("requests"), 3);
  EXPECT_EQ(report.total("newlyDenied"), 1);
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(reviews)) {
    std::ifstream in(entry.path());
    all += Json::parse(in).dump() + "\n\n";
  }
  folder_.write("all.jsonl", all);
  EXPECT_EQ(replay({"-t", "baseline", path("all.jsonl")}).total("newlyDenied"), 1);
}

TEST_F(Replay, GivesTheSameWhateverTheSizeOfPieces) {
  // Lines that are shorter and longer than what is read at once.
  std::vector<Json> all;
  for (int i = 0; i < 40; ++i) {
    Json one = i % 3 == 0 ? bad() : good();
    one["userAgent"] = std::string(static_cast<std::size_t>(i) * 70'001, 'x');
    all.push_back(one);
  }
  const Report report = baseline(lines(all));
  EXPECT_EQ(report.total("lines"), 40);
  EXPECT_EQ(report.total("newlyDenied"), 14);
  const Report packed = baseline(gzip(lines(all)));
  EXPECT_EQ(packed.json.at("resources"), report.json.at("resources"));
  EXPECT_EQ(packed.json.at("facts"), report.json.at("facts"));
}

// --- faults --------------------------------------------------------------------------------------

TEST_F(Replay, SaysThatAGzipEndsTooEarly) {
  std::vector<Json> all;
  for (int i = 0; i < 3000; ++i) all.push_back(bad());
  const std::string whole = gzip(lines(all));
  const Report report = baseline(whole.substr(0, whole.size() / 2));
  expect_partial(report, "ends before its gzip data does");
  EXPECT_GT(report.total("newlyDenied"), 100) << "what could be read counts";
  EXPECT_LT(report.total("newlyDenied"), 3000);
  EXPECT_THAT(report.errors, HasSubstr(path("audit.log") + ":" +
                                       std::to_string(report.total("lines") + 1) + ": "));
}

TEST_F(Replay, SaysThatAGzipIsBroken) {
  std::vector<Json> all(3000, bad());
  std::string broken = gzip(lines(all));
  for (std::size_t i = broken.size() / 2; i < broken.size() / 2 + 40; ++i)
    broken[i] = static_cast<char>(~broken[i]);
  expect_partial(baseline(broken), "what comes after this line is lost");
  expect_partial(baseline(gzip(lines(all)) + "rest"), "is followed by what is none");
}

TEST_F(Replay, SaysThatTheLastLineIsCut) {
  const std::string whole = lines({bad(), bad()});
  const Report report = baseline(whole.substr(0, whole.size() - 30));
  expect_partial(report,
                 path("audit.log") + ":2: the last line is cut short; if the file is still");
  EXPECT_EQ(report.total("newlyDenied"), 1);
  EXPECT_EQ(baseline(whole.substr(0, whole.size() - 1)).total("newlyDenied"), 2)
      << "only the line feed is missing";
}

TEST_F(Replay, GoesOnBehindALineThatIsCut) {
  const std::string line = bad().dump();
  const Report report = baseline(line.substr(0, line.size() / 2) + "\n" + line + "\n");
  expect_partial(report, path("audit.log") + ":1: is not JSON");
  EXPECT_EQ(report.total("newlyDenied"), 1);
}

TEST_F(Replay, NamesTheFirstOfManyBadLines) {
  std::string text = bad().dump() + "\n";
  for (int i = 0; i < 500; ++i) text += "garbage\n";
  const Report report = baseline(text);
  EXPECT_EQ(report.status, 2);
  EXPECT_THAT(report.missing(), SizeIs(11));
  EXPECT_THAT(report.errors, HasSubstr(path("audit.log") + ": 490 more lines could not be read"));
}

TEST_F(Replay, PassesOverALineThatIsTooLong) {
  Json line = bad();
  line["userAgent"] = std::string(kMostLineBytes + (std::size_t{3} << 20), 'x');
  const Report report = baseline(lines({good(), line, bad()}));
  expect_partial(report, path("audit.log") + ":2: the line has more than 16 MiB");
  EXPECT_EQ(report.total("newlyDenied"), 1);
  EXPECT_EQ(report.changes().at(0).at("facts").at("example"), path("audit.log") + ":3");
}

TEST_F(Replay, NamesFilesThatAreNotThere) {
  folder_.write("audit.log", lines({bad()}));
  const Report report = replay({"-t", "baseline", path("none.log"), path("audit.log")});
  expect_partial(report, path("none.log") + ": cannot be read: No such file");
  EXPECT_EQ(report.total("newlyDenied"), 1) << "the others are read";
}

TEST_F(Replay, NamesWhatIsEmpty) {
  expect_partial(baseline(""), path("audit.log") + ": is empty");
  expect_partial(baseline(gzip("")), path("audit.log") + ": is empty");
  std::filesystem::create_directory(path("nothing"));
  expect_partial(replay({path("nothing")}), path("nothing") + ": holds no file");
}

TEST_F(Replay, NamesOtherCompressions) {
  expect_partial(baseline("\x28\xb5\x2f\xfd...."), "is compressed with zstd");
}

TEST_F(Replay, RefusesToWriteOverWhatItReads) {
  folder_.write("audit.log", lines({bad()}));
  const auto ran = run({"replay", "-o", "json=" + path("audit.log"), path("audit.log")});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.errors, HasSubstr("would be written over"));
}

// --- configurations ------------------------------------------------------------------------------

class ReplayConfiguration : public Replay {
 protected:
  Report configured(const std::string& settings, const std::vector<Json>& all,
                    std::vector<std::string> words = {}) {
    folder_.write("plimsoll.yaml",
                  "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n" + settings);
    folder_.write("audit.log", lines(all));
    words.insert(words.end(), {"--config", path("plimsoll.yaml"), path("audit.log")});
    return replay(words);
  }
};

TEST_F(ReplayConfiguration, FollowsBindingsAndExemptions) {
  const std::string settings =
      "bindings:\n- {mode: enforce, template: baseline, namespaces: [shop]}\n"
      "exemptions: {usernames: [root]}\n";
  const Report report = configured(
      settings, {bad(), event(pod("x", true), "other"), event(pod("y", true), "shop", "root")});
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("newlyDenied"), 1);
  EXPECT_EQ(report.total("allowed"), 2);
  const Json finding = report.changes().at(0).at("findings").at(0);
  EXPECT_THAT(finding.at("template").get<std::string>(), HasSubstr("baseline@"));
  EXPECT_EQ(finding.at("mode"), "enforce");
}

TEST_F(ReplayConfiguration, DeniesInADryRunAsWithoutIt) {
  const Report report =
      configured("dryRun: true\nbindings:\n- {mode: enforce, template: baseline}\n", {bad()});
  EXPECT_EQ(report.total("newlyDenied"), 1) << report.errors;
}

TEST_F(ReplayConfiguration, LearnsLabelsOnTheWay) {
  std::vector<Json> all = {namespace_event("shop", "baseline"),   bad("first"),
                           namespace_event("shop", ""),           bad("second"),
                           namespace_event("shop", "restricted"), bad("third")};
  all[2]["verb"] = all[4]["verb"] = "update";
  const Report report = configured("namespaceLabels: true\n", all);
  EXPECT_EQ(report.status, 1) << report.errors;
  std::vector<std::string> names;
  for (const Json& change : report.changes()) names.push_back(change.at("name"));
  EXPECT_THAT(names, ElementsAre("first", "third"));
}

TEST_F(ReplayConfiguration, LearnsNothingFromDryRuns) {
  Json patch = namespace_event("shop", "privileged");
  patch["verb"] = "patch";
  patch["responseStatus"]["code"] = 200;
  patch["requestURI"] = "/api/v1/namespaces/shop?dryRun=All";
  Json create = namespace_event("shop", "privileged");
  create["requestURI"] = "/api/v1/namespaces?dryRun=All";
  Json unseen = create;
  unseen.erase("requestObject");
  unseen.erase("responseObject");
  Json review = {{"kind", "AdmissionReview"}, {"apiVersion", "admission.k8s.io/v1"}};
  review["request"] = {{"uid", "u"},
                       {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Namespace"}}},
                       {"resource", {{"group", ""}, {"version", "v1"}, {"resource", "namespaces"}}},
                       {"name", "shop"},
                       {"operation", "CREATE"},
                       {"dryRun", true},
                       {"object", create["requestObject"]}};
  for (const Json& dry : {patch, create, unseen, review}) {
    const Report report =
        configured("namespaceLabels: true\n", {namespace_event("shop", "baseline"), dry, bad()});
    EXPECT_EQ(report.status, 1) << dry << report.errors;
    EXPECT_EQ(report.total("newlyDenied"), 1) << dry;
  }
}

TEST_F(ReplayConfiguration, TakesLabelsFromAFile) {
  folder_.write("namespaces.yaml", "kind: List\nitems:\n- metadata:\n    name: shop\n    labels: "
                                   "{plimsoll.dev/enforce: baseline}\n");
  const Report report =
      configured("namespaceLabels: true\n", {bad()}, {"--namespaces", path("namespaces.yaml")});
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("newlyDenied"), 1);
}

TEST_F(ReplayConfiguration, SaysWhereLabelsAreNotKnown) {
  Report report = configured("namespaceLabels: true\n", {bad()});
  EXPECT_EQ(report.status, 2);
  EXPECT_THAT(report.missing(),
              ElementsAre("1 request are in namespaces whose labels are not known"));
  // What is denied whatever the labels are is.
  report = configured("namespaceLabels: true\nbindings:\n- {mode: enforce, template: baseline}\n",
                      {bad(), good()});
  EXPECT_EQ(report.total("newlyDenied"), 1);
  EXPECT_EQ(report.total("notJudged"), 1);
  // A write whose labels were not recorded makes them unknown again.
  Json unseen = namespace_event("shop", "");
  unseen.erase("requestObject");
  unseen.erase("responseObject");
  report =
      configured("namespaceLabels: true\n", {namespace_event("shop", "baseline"), unseen, bad()});
  EXPECT_EQ(report.total("notJudged"), 1);
}

TEST_F(ReplayConfiguration, LearnsOfANameThatTheServerMade) {
  Json made = namespace_event("shop", "baseline");
  made["objectRef"].erase("name");
  made["requestObject"]["metadata"] = {{"generateName", "sh"}};
  const Report report = configured("namespaceLabels: true\n", {made, bad()});
  EXPECT_EQ(report.total("newlyDenied"), 1) << report.errors;
  made.erase("responseObject");  // nor does this tell which it is
  EXPECT_EQ(configured("namespaceLabels: true\n", {made, bad()}).total("notJudged"), 1);
}

TEST_F(ReplayConfiguration, JudgesByNoLabelsOfAnotherTime) {
  const auto at = [](const char* time, Json of) {
    of["stageTimestamp"] = std::string("2026-11-24T") + time + ":00.000000Z";
    return of;
  };
  const Json label = at("09:00", namespace_event("shop", "baseline"));
  const auto judged = [&](const std::vector<Json>& all) {
    return configured("namespaceLabels: true\n", all);
  };
  // The log of one API server behind that of another: the request was made before the labels were.
  Report report = judged({label, at("08:00", bad())});
  EXPECT_EQ(report.total("notJudged"), 1);
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("are older than what is known")));
  // Older labels do not take the place of younger ones.
  report = judged({label, at("08:00", namespace_event("shop", "privileged")), at("10:00", bad())});
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("newlyDenied"), 1);
  // Nor do such that are not known.
  Json unseen = at("08:00", namespace_event("shop", ""));
  unseen.erase("requestObject");
  unseen.erase("responseObject");
  EXPECT_EQ(judged({label, unseen, at("10:00", bad())}).total("newlyDenied"), 1);
  // What was judged before the labels in between were read is said.
  report = judged({label, at("10:00", bad()), at("09:30", namespace_event("shop", "privileged"))});
  EXPECT_EQ(report.total("newlyDenied"), 1);
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("1 write of a namespace's labels came")));
  report = judged({label, at("10:00", bad()), at("11:00", namespace_event("shop", "")),
                   at("09:30", namespace_event("shop", "privileged"))});
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("1 write of a namespace's labels came")));
  // A write that changes no label is none, and lines that are a second apart stand in any order.
  report = judged({label, at("10:00", namespace_event("shop", "baseline")), at("09:30", bad())});
  EXPECT_EQ(report.total("newlyDenied"), 1);
  Json near = bad();
  near["stageTimestamp"] = "2026-11-24T08:59:59.900000Z";
  EXPECT_EQ(judged({label, near}).total("newlyDenied"), 1);
  // All is well where the lines are in their order.
  report = judged({label, at("10:00", bad()), at("11:00", namespace_event("shop", "privileged")),
                   at("12:00", bad())});
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("newlyDenied"), 1);
  EXPECT_EQ(report.total("allowed"), 1);
}

TEST_F(ReplayConfiguration, NeedsNoServer) {
  const Report report = configured("bindings:\n- {mode: warn, template: baseline}\n", {bad()});
  EXPECT_EQ(report.status, 0) << "no certificate is asked for, and a warning is no denial";
}

TEST_F(ReplayConfiguration, RefusesATemplateBesideIt) {
  folder_.write("c.yaml", "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n");
  const auto ran = run({"replay", "--config", path("c.yaml"), "-t", "baseline", path("c.yaml")});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.errors, HasSubstr("excludes"));
}

// --- the decision log ----------------------------------------------------------------------------

/// What the webhook writes of reviews.
class ReplayDecisions : public Replay {
 protected:
  /// `bind`: mode and template that the server has.
  std::string decided(const std::vector<std::pair<Mode, std::string>>& bind,
                      const std::vector<Json>& reviews) {
    auto policy = std::make_shared<policy::Policy>();
    policy->library = load_library({}).value();
    policy->pod_places = load_pod_places({}).value();
    for (const auto& [mode, name] : bind)
      policy->bindings.push_back(
          {.mode = mode, .policy = policy->library.find(*TemplateRef::parse(name))});
    metrics::Registry registry;
    std::string text = R"({"time":"2026-03-01T08:00:00.000Z","level":"info","msg":"listening"})"
                       "\n";
    Webhook webhook(policy, {}, registry, DecisionLog::All, [&](std::string_view line) {
      text += R"({"time":"2026-03-01T08:00:01.000Z","level":"info",)" +
              std::string(line.substr(1)) + "\n";
    });
    for (const Json& review : reviews)
      webhook.answer({.path = "/validate", .query = "", .body = review.dump()});
    return text;
  }
  static Json review(const Json& object, const char* resource = "pods", const char* group = "",
                     const char* operation = "CREATE") {
    return {{"kind", "AdmissionReview"},
            {"apiVersion", "admission.k8s.io/v1"},
            {"request",
             {{"uid", "u"},
              {"kind", {{"group", group}, {"version", "v1"}, {"kind", object.at("kind")}}},
              {"resource", {{"group", group}, {"version", "v1"}, {"resource", resource}}},
              {"namespace", "shop"},
              {"name", object.at("metadata").at("name")},
              {"operation", operation},
              {"userInfo", {{"username", "ada"}}},
              {"object", object}}}};
  }
};

TEST_F(ReplayDecisions, AreJudgedByNoLabelsOfLater) {
  const std::string decisions = decided({{Mode::Warn, "baseline"}}, {review(pod("a", true))});
  Json label = namespace_event("shop", "baseline");
  label["stageTimestamp"] = "2026-11-24T09:00:00.000000Z";
  folder_.write("c.yaml", "apiVersion: plimsoll.dev/v1alpha1\nkind: Configuration\n"
                          "namespaceLabels: true\n");
  folder_.write("logs/audit.log", lines({label}));
  folder_.write("logs/decisions.log", decisions);
  const Report report = replay({"--config", path("c.yaml"), path("logs")});
  EXPECT_EQ(report.total("notJudged"), 1);
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("are older than what is known")));
}

TEST_F(ReplayDecisions, TellsWhatWasOnlyWarnedAbout) {
  const Report report = baseline(
      decided({{Mode::Warn, "baseline"}}, {review(pod("a", true)), review(pod("b", false))}));
  EXPECT_EQ(report.status, 1) << report.errors;
  EXPECT_EQ(report.total("requests"), 2);
  EXPECT_EQ(report.total("newlyDenied"), 1);
  const Json change = report.changes().at(0);
  EXPECT_EQ(change.at("name"), "a");
  EXPECT_EQ(change.at("findings").at(0).at("check"), "privileged");
  EXPECT_EQ(change.at("facts").at("first"), "2026-03-01T08:00:01.000Z");
}

TEST_F(ReplayDecisions, SaysWhatItDoesNotHold) {
  const Report report = baseline(decided({{Mode::Warn, "restricted"}}, {review(pod("a", true))}));
  EXPECT_EQ(report.status, 2);
  EXPECT_THAT(report.missing(), ElementsAre(HasSubstr("a decision log holds no objects")));
}

TEST_F(ReplayDecisions, TellsWhatIsNoLongerDenied) {
  folder_.write("log", decided({{Mode::Enforce, "restricted"}, {Mode::Audit, "baseline"}},
                               {review(pod("a", true)), review(pod("b", false))}));
  const Report report = replay({"-t", "baseline", path("log")});
  EXPECT_EQ(report.total("stillDenied"), 1) << report.errors;
  EXPECT_EQ(report.total("noLongerDenied"), 1);
}

TEST_F(ReplayDecisions, DoesNotGuessWhetherAnUpdateChangedAPodTemplate) {
  const Json object = {{"kind", "Deployment"},
                       {"apiVersion", "apps/v1"},
                       {"metadata", {{"name", "web"}}},
                       {"spec", {{"template", {{"spec", pod("x", true)["spec"]}}}}}};
  const std::vector<std::pair<Mode, std::string>> bind = {{Mode::Warn, "baseline"}};
  const auto of = [&](const char* operation) {
    return baseline(decided(bind, {review(object, "deployments", "apps", operation)}));
  };
  EXPECT_EQ(of("CREATE").total("newlyDenied"), 1);
  EXPECT_THAT(of("UPDATE").missing(), ElementsAre(HasSubstr("whether the pod template changed")));
}

// --- the same as the webhook ---------------------------------------------------------------------

/// Pods and workloads of every kind, good, bad and broken, always the same ones.
class Generator {
 public:
  Json object(std::size_t i) {
    const Json spec = pod_spec();
    Json metadata = {{"name", "x" + std::to_string(i)}};
    if (one_in(4))
      metadata["annotations"] = {{"container.apparmor.security.beta.kubernetes.io/c0",
                                  pick({"unconfined", "runtime/default"})}};
    if (one_in(2)) {
      kind_ = {"Pod", "pods", ""};
      return {{"kind", "Pod"}, {"apiVersion", "v1"}, {"metadata", metadata}, {"spec", spec}};
    }
    static const std::vector<Kind> kKinds = {{"Deployment", "deployments", "apps"},
                                             {"DaemonSet", "daemonsets", "apps"},
                                             {"StatefulSet", "statefulsets", "apps"},
                                             {"ReplicaSet", "replicasets", "apps"},
                                             {"Job", "jobs", "batch"},
                                             {"CronJob", "cronjobs", "batch"},
                                             {"PodTemplate", "podtemplates", ""},
                                             {"Rollout", "rollouts", "argoproj.io"}};
    kind_ = kKinds[random_() % kKinds.size()];
    Json out = {{"kind", kind_.kind},
                {"apiVersion", kind_.group.empty() ? "v1" : kind_.group + "/v1"},
                {"metadata", metadata}};
    const Json pods = {{"metadata", {{"labels", {{"a", "b"}}}}}, {"spec", spec}};
    if (kind_.kind == "CronJob")
      out["spec"]["jobTemplate"]["spec"]["template"] = pods;
    else if (kind_.kind == "PodTemplate")
      out["template"] = pods;
    else
      out["spec"]["template"] = pods;
    return out;
  }

  struct Kind {
    std::string kind, resource, group;
  };
  [[nodiscard]] const Kind& kind() const { return kind_; }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }
  Json pick(const std::vector<Json>& of) { return of[random_() % of.size()]; }
  void maybe(Json& in, const char* name, unsigned n, const std::vector<Json>& of) {
    if (one_in(n)) in[name] = pick(of);
  }

  Json context(bool good) {
    Json out = Json::object();
    if (good) {
      out = {{"allowPrivilegeEscalation", false},
             {"runAsNonRoot", true},
             {"capabilities", {{"drop", {"ALL"}}}},
             {"seccompProfile", {{"type", "RuntimeDefault"}}}};
    }
    maybe(out, "privileged", 8, {true, false, nullptr, "true"});
    maybe(out, "allowPrivilegeEscalation", 8, {true, nullptr});
    maybe(out, "runAsUser", 8, {0, 1000, -1});
    maybe(out, "procMount", 16, {"Default", "Unmasked"});
    maybe(out, "seccompProfile", 8, {{{"type", "Unconfined"}}, {{"type", "Localhost"}}});
    maybe(out, "seLinuxOptions", 16, {{{"type", "container_t"}}, {{"type", "spc_t"}}});
    if (one_in(8))
      out["capabilities"]["add"] = pick({{"NET_BIND_SERVICE"}, {"SYS_ADMIN"}, Json::array()});
    return out;
  }

  Json container(const std::string& name) {
    Json out = {{"name", name}, {"image", "registry.example/app:1"}};
    if (!one_in(3)) out["securityContext"] = context(!one_in(3));
    if (one_in(8)) out["ports"] = {{{"containerPort", 80}, {"hostPort", pick({0, 80})}}};
    return out;
  }

  Json pod_spec() {
    Json spec = {{"containers", Json::array()}};
    do {
      spec["containers"].push_back(container("c" + std::to_string(spec["containers"].size())));
    } while (one_in(2));
    if (one_in(4)) spec["initContainers"] = {container("i")};
    maybe(spec, "hostNetwork", 8, {true, false});
    maybe(spec, "hostPID", 16, {true, "yes"});
    maybe(spec, "automountServiceAccountToken", 2, {false});
    maybe(spec, "os", 12, {{{"name", "windows"}}, {{"name", "linux"}}});
    if (one_in(2)) spec["securityContext"] = context(one_in(2));
    Json volume = {{"name", "v"}};
    volume[pick({"hostPath", "emptyDir", "nfs", "secret"}).get<std::string>()] = Json::object();
    if (one_in(4)) spec["volumes"] = {volume};
    return spec;
  }

  std::mt19937 random_{7};
  Kind kind_;
};

using Found = std::set<std::pair<std::string, std::string>>;  // check and field

TEST_F(Replay, DecidesAsTheWebhookDoes) {
  constexpr std::size_t kObjects = 2000;
  auto policy = std::make_shared<policy::Policy>();
  policy->library = load_library({}).value();
  policy->pod_places = load_pod_places({}).value();
  metrics::Registry registry;
  Webhook webhook(policy, {}, registry, DecisionLog::None, [](std::string_view) {});
  for (const char* const name : {"baseline", "restricted", "least-privilege"}) {
    std::vector<Binding> bindings(1);
    bindings[0].policy = policy->library.find(*TemplateRef::parse(name));
    bindings[0].workloads = Workloads::Enforce;
    Generator generator;
    codec::RecordingReader reader;
    std::string log;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < kObjects; ++i) {
      const Json object = generator.object(i);
      const auto& [kind, resource, group] = generator.kind();
      const Json user = {{"username", "ada"}, {"groups", {"devs"}}};
      const Json review = {
          {"kind", "AdmissionReview"},
          {"apiVersion", "admission.k8s.io/v1"},
          {"request",
           {{"uid", "u"},
            {"kind", {{"group", group}, {"version", "v1"}, {"kind", kind}}},
            {"resource", {{"group", group}, {"version", "v1"}, {"resource", resource}}},
            {"namespace", "shop"},
            {"operation", "CREATE"},
            {"userInfo", user},
            {"object", object}}}};
      Json line = event(object);
      line["objectRef"] = {{"resource", resource}, {"namespace", "shop"}, {"apiGroup", group}};

      const auto reply = webhook.answer(
          {.path = std::string("/validate/enforce/") + name, .query = "", .body = review.dump()});
      const Json answer = Json::parse(std::get<server::Response>(reply).body).at("response");
      Found wanted;
      if (!answer.at("allowed"))
        for (const Json& cause : answer.at("status").at("details").at("causes"))
          wanted.emplace(cause.at("reason"), cause.at("field"));

      std::string text = line.dump();
      log += text + "\n";
      text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
      const auto recorded = reader.read(text, policy->pod_places);
      ASSERT_TRUE(recorded && *recorded) << text;
      const Replayed replayed = app::replay(**recorded, *policy, bindings, "");
      EXPECT_EQ(replayed.now == Replayed::Now::Allowed, answer.at("allowed")) << text;
      Found found;
      for (const Judgement& judgement : replayed.verdict.judgements)
        for (const Violation& violation : judgement.violations)
          found.emplace(violation.check->id, verdict::field_of(violation.finding.path));
      EXPECT_EQ(found, wanted) << text;
      refused += wanted.empty() ? 0 : 1;
      if (HasFailure()) return;
    }
    EXPECT_GT(refused, kObjects / 10) << name;
    EXPECT_LT(refused, kObjects) << name;

    // And so does the command.
    folder_.write("audit.log", log);
    const Report report = replay({"-t", name, path("audit.log")});
    EXPECT_EQ(report.total("requests"), static_cast<int>(kObjects));
    EXPECT_EQ(report.total("newlyDenied"), static_cast<int>(refused));
  }
}

}  // namespace
}  // namespace plimsoll::app::testing
