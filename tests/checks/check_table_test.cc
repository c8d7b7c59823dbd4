// How check_table.h runs a table, and that it sees what a check does wrong.
//
// Ownership: none. Thread-safety: none needed.
#include "checks/check_table.h"

#include <fmt/format.h>
#include <gtest/gtest-spi.h>
#include <simdjson.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "codec/pod.h"
#include "fix/patch.h"

namespace plimsoll::testing {
namespace {

// Keeps the order of the members, which is that of a probe's findings.
using Json = nlohmann::ordered_json;

struct Form {
  std::string_view kind, path;
};
constexpr Form kForms[] = {{"Pod", ""},
                           {"Deployment", "/spec/template"},
                           {"CronJob", "/spec/jobTemplate/spec/template"},
                           {"PodTemplate", "/template"}};

struct List {
  std::string_view name, restart_policy;
};
constexpr List kLists[] = {{"initContainers", ""},
                           {"initContainers", "Always"},
                           {"containers", ""},
                           {"ephemeralContainers", ""}};

/// An object as one form has it, and what is expected of it.
struct Case {
  Form form;
  Json object;
  Findings findings;            // expected; a message that is empty may be any
  std::string mended;           // JSON pointer of what `fixed` is about
  std::optional<Json> fixed{};  // expected there after the fix
};

Json object_of(const Form& form, const Json& pod) {
  Json object;
  object[Json::json_pointer(std::string(form.path))] = pod;
  object["kind"] = form.kind;
  return object;
}

Json named(Json container, std::string_view name, std::string_view restart_policy) {
  container["name"] = name;
  if (!restart_policy.empty()) container["restartPolicy"] = restart_policy;
  return container;
}

Pod decode(const Json& object, const Form& form, codec::Origin origin) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  EXPECT_EQ(parser.parse(object.dump()).get(element), simdjson::SUCCESS);
  std::vector<Fault> faults;
  const PodPlace place{std::string(form.path),
                       form.path.empty() ? PodShape::Pod : PodShape::Template};
  auto pods = codec::decode_pods(element, "", {&place, 1}, origin, faults);
  for (const Fault& fault : faults) ADD_FAILURE() << fault.path << ' ' << fault.message;
  return std::move(pods.at(0));
}

/// What `append` puts behind what is there already, which it must leave alone.
template <class Out, class Append>
Out appended(Append append) {
  Out out;
  out.push_back({});
  out.begin()->path = "/there";
  append(out);
  EXPECT_TRUE(!out.empty() && out[0].path == "/there") << "it appends, and nothing else";
  Out appended;
  for (std::size_t i = 1; i < out.size(); ++i) appended.push_back(out[i]);
  return appended;
}

bool related(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '/');
}

std::multiset<std::string> messages_of(const Findings& findings) {
  std::multiset<std::string> out;
  for (const Finding& finding : findings) out.insert(finding.message);
  return out;
}

class Runner {
 public:
  Runner(const Table& table, const Case& it) : table_(table), case_(it) {}

  void run() const {
    const Pod pod = decode(case_.object);
    const Findings findings = evaluate(pod);
    expect_findings(pod, findings);
    if (table_.fix == Fix::None) return;
    const Edits edits = fix(pod);
    EXPECT_EQ(edits.empty(), findings.empty()) << "a fix edits what fails, and nothing else";
    for (const Edit& edit : edits)
      EXPECT_TRUE(std::ranges::any_of(
          findings, [&](const Finding& finding) { return related(edit.path, finding.path); }))
          << "no finding explains the edit of " << edit.path;
    expect_all_mended(edits);
    for (const Finding& finding : findings) expect_mended(finding, edits, findings);
  }

 private:
  [[nodiscard]] Pod decode(const Json& object) const {
    return testing::decode(object, case_.form, table_.origin);
  }

  [[nodiscard]] Findings evaluate(const Pod& pod) const {
    return appended<Findings>(
        [&](Findings& out) { table_.check->evaluate(pod, table_.params, out); });
  }

  [[nodiscard]] Edits fix(const Pod& pod) const {
    return appended<Edits>([&](Edits& out) { table_.check->fix(pod, table_.params, out); });
  }

  [[nodiscard]] Json apply(const Edits& edits) const {
    const nlohmann::json object = case_.object;
    std::vector<const Edit*> all;
    for (const Edit& edit : edits) all.push_back(&edit);
    const nlohmann::json patch = fix::to_json_patch(all, object);
    return object.patch(patch);
  }

  void expect_findings(const Pod& pod, const Findings& findings) const {
    Paths expected, actual;
    for (const Finding& finding : case_.findings) expected.push_back(finding.path);
    for (const Finding& finding : findings) actual.push_back(finding.path);
    EXPECT_EQ(actual, expected);
    for (std::size_t i = 0; i < std::min(findings.size(), case_.findings.size()); ++i)
      if (!case_.findings[i].message.empty()) {
        EXPECT_EQ(findings[i].message, case_.findings[i].message);
      }
    for (const auto& [path, message] : findings) {
      SCOPED_TRACE(path);
      EXPECT_FALSE(message.empty());
      EXPECT_FALSE(message.ends_with('.')) << message;
      EXPECT_EQ(
          std::ranges::count_if(message, [](unsigned char c) { return c < ' ' || c == 0x7f; }), 0)
          << message;
      Json::json_pointer at(path);
      while (!case_.object.contains(at)) at = at.parent_pointer();
      EXPECT_TRUE(at.to_string().size() > pod.path.size() && path.starts_with(pod.path + "/"))
          << "nothing of the pod is there that could hold it";
      for (const Container& container : pod.containers)
        if (related(container.path, path) && path.size() >= container.path.size()) {
          EXPECT_NE(message.find('"' + container.name + '"'), std::string::npos)
              << "names no container: " << message;
        }
    }
  }

  void expect_all_mended(const Edits& edits) const {
    const Json fixed = apply(edits);
    const Pod pod = decode(fixed);
    for (const Finding& finding : evaluate(pod))
      ADD_FAILURE() << "the fix leaves " << finding.path << ": " << finding.message;
    EXPECT_TRUE(fix(pod).empty()) << "a second fix has nothing left to do";
    if (!case_.fixed) return;
    // Compared as `nlohmann::json`: where the patch puts a member does not matter.
    nlohmann::json actual = fixed.at(Json::json_pointer(case_.mended));
    if (case_.mended.empty()) actual.erase("kind");
    EXPECT_EQ(actual, nlohmann::json(*case_.fixed));
  }

  // The edits at, above and below the finding's path are those that a report shows with it.
  void expect_mended(const Finding& finding, const Edits& edits, const Findings& before) const {
    SCOPED_TRACE(finding.path);
    Edits own;
    for (const Edit& edit : edits)
      if (related(edit.path, finding.path)) own.push_back(edit);
    EXPECT_FALSE(own.empty()) << "no edit mends it";
    const auto was = messages_of(before);
    const auto is = messages_of(evaluate(decode(apply(own))));
    EXPECT_LT(is.count(finding.message), was.count(finding.message)) << "its edits leave it";
    EXPECT_TRUE(std::ranges::includes(was, is)) << "its edits lead to other findings";
  }

  const Table& table_;
  const Case& case_;
};

/// The expected findings, with the pod and the container at those paths.
Findings findings_at(std::string_view pod, std::string_view container, const Paths& paths,
                     const std::vector<std::string>& messages) {
  constexpr std::string_view kContainer = "/container";
  Findings out;
  for (const std::string& path : paths) {
    const bool in_container = path.starts_with(kContainer);
    out.push_back({std::string(in_container ? container : pod) +
                       path.substr(in_container ? kContainer.size() : 0),
                   messages.empty() ? "" : messages[out.size()]});
  }
  return out;
}

std::optional<Json> parse_fixed(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return Json::parse(text);
}

void run_in_list(const Table& table, const ContainerRow& row, const List& list, const Form& form) {
  SCOPED_TRACE(
      fmt::format("\"{}\", in {} {} of a {}", row.name, list.restart_policy, list.name, form.kind));
  Json pod = Json::parse(row.more.pod);
  pod["spec"][list.name] =
      Json::array({named(Json::parse(row.container), "c", list.restart_policy)});
  const std::string at = fmt::format("{}/spec/{}/0", form.path, list.name);
  Case it{form, object_of(form, pod), findings_at(form.path, at, row.findings, row.more.messages),
          at, parse_fixed(row.more.fixed)};
  if (it.fixed) it.fixed = named(*std::move(it.fixed), "c", list.restart_policy);
  Runner(table, it).run();
}

// What is found in a container depends on it and its pod only, not on the containers beside it.
void run_together(const Table& table, const std::vector<const ContainerRow*>& rows,
                  const Form& form) {
  SCOPED_TRACE(fmt::format("\"{}\" and {} more, in all lists of a {}", rows.front()->name,
                           rows.size() - 1, form.kind));
  Json pod = Json::parse(rows.front()->more.pod);
  Case it{form, {}, {}, {}};
  for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"}) {
    Json& containers = pod["spec"][list] = Json::array();
    for (const ContainerRow* row : rows) {
      const std::string at = fmt::format("{}/spec/{}/{}", form.path, list, containers.size());
      containers.push_back(
          named(Json::parse(row->container), fmt::format("{}-{}", list, containers.size()), ""));
      std::ranges::move(findings_at(form.path, at, row->findings, {}),
                        std::back_inserter(it.findings));
    }
  }
  it.object = object_of(form, pod);
  Runner(table, it).run();
}

bool about_containers_only(const ContainerRow& row) {
  return std::ranges::all_of(
      row.findings, [](const std::string& path) { return path.starts_with("/container"); });
}

template <class Row>
bool well_formed(const Table& table, const std::vector<Row>& rows) {
  const auto refuse = [](const std::string& why) {
    ADD_FAILURE() << why;
    return false;
  };
  if (table.check == nullptr) return refuse("there is no such check");
  if ((table.check->fix != nullptr) != (table.fix == Fix::Mends))
    return refuse("the table and the check disagree on whether there is a fix");
  EXPECT_TRUE(std::ranges::any_of(rows, [](const Row& row) { return row.findings.empty(); }))
      << "add a row that passes";
  EXPECT_TRUE(std::ranges::any_of(rows, [](const Row& row) { return !row.findings.empty(); }))
      << "add a row that fails";
  std::set<std::string> names;
  for (const Row& row : rows) {
    EXPECT_TRUE(names.insert(row.name).second) << "two rows are called \"" << row.name << '"';
    if (!row.more.messages.empty() && row.more.messages.size() != row.findings.size())
      return refuse(row.name + ": give a message for each finding, or none");
    if (!row.more.fixed.empty() && (row.findings.empty() || table.fix == Fix::None))
      return refuse(row.name + ": nothing is there to fix");
  }
  return true;
}

::testing::ScopedTrace trace(const std::source_location& where) {
  return {where.file_name(), static_cast<int>(where.line()), "the table"};
}

constexpr std::string_view kNoExemption = "{}";

struct Exemption {
  std::string_view param, pod;
  std::vector<std::string_view> others;  ///< pods that are not exempt by it
};

void run_exemption(const Table& table, const Exemption& exemption, const std::string& good,
                   const std::string& bad, const Paths& findings) {
  for (const bool on : {false, true}) {
    SCOPED_TRACE(fmt::format("{}: {}", exemption.param, on));
    std::vector<ContainerRow> rows;
    const auto add = [&](std::string_view pod, bool exempt) {
      rows.push_back({fmt::format("good in {}", pod), good, {}, {.pod = std::string(pod)}});
      rows.push_back({fmt::format("bad in {}", pod),
                      bad,
                      exempt ? Paths{} : findings,
                      {.pod = std::string(pod)}});
    };
    add(exemption.pod, on);
    for (const std::string_view pod : exemption.others) add(pod, false);
    table.with(std::string(exemption.param), on).containers(rows);
  }
}

}  // namespace

void Table::containers(const std::vector<ContainerRow>& rows, std::source_location where) const {
  const auto at = trace(where);
  if (!well_formed(*this, rows)) return;
  for (const Form& form : kForms) {
    for (const ContainerRow& row : rows)
      for (const List& list : kLists) run_in_list(*this, row, list, form);
    std::map<std::string_view, std::vector<const ContainerRow*>> by_pod;
    for (const ContainerRow& row : rows)
      if (about_containers_only(row)) by_pod[row.more.pod].push_back(&row);
    for (const auto& [pod, together] : by_pod) run_together(*this, together, form);
  }
}

void Table::pods(const std::vector<PodRow>& rows, std::source_location where) const {
  const auto at = trace(where);
  if (!well_formed(*this, rows)) return;
  for (const PodRow& row : rows)
    for (const Form& form : kForms) {
      if (row.more.bare && !form.path.empty()) continue;
      SCOPED_TRACE(fmt::format("\"{}\", as a {}", row.name, form.kind));
      Runner(*this, {form, object_of(form, Json::parse(row.pod)),
                     findings_at(form.path, "", row.findings, row.more.messages),
                     std::string(form.path), parse_fixed(row.more.fixed)})
          .run();
    }
}

void Table::exempts_windows(const std::string& good, const std::string& bad, const Paths& findings,
                            std::source_location where) const {
  const auto at = trace(where);
  run_exemption(*this,
                {"exemptWindows",
                 R"({"spec": {"os": {"name": "windows"}}})",
                 {kNoExemption, R"({"spec": {"os": null}})", R"({"spec": {"os": {}}})",
                  R"({"spec": {"os": {"name": null}}})", R"({"spec": {"os": {"name": ""}}})",
                  R"({"spec": {"os": {"name": "linux"}}})",
                  R"({"spec": {"os": {"name": "Windows"}}})", R"({"spec": {"hostUsers": false}})"}},
                good, bad, findings);
}

void Table::exempts_user_namespaces(const std::string& good, const std::string& bad,
                                    const Paths& findings, std::source_location where) const {
  const auto at = trace(where);
  run_exemption(*this,
                {"exemptUserNamespaces",
                 R"({"spec": {"hostUsers": false}})",
                 {kNoExemption, R"({"spec": {"hostUsers": null}})",
                  R"({"spec": {"hostUsers": true}})", R"({"spec": {"os": {"name": "windows"}}})"}},
                good, bad, findings);
}

Table Table::with(std::string name, ParamValue value) const {
  auto all = params.all();
  all.emplace_back(std::move(name), std::move(value));
  return {check, fix, Params(std::move(all)), origin};
}

// --- that a table sees what a check does wrong ---------------------------------------------------

namespace {

constexpr std::string_view kField = "/securityContext/privileged";

bool fails(const Container& container) { return container.security_context.privileged == true; }

void find(const Pod& pod, const Params&, Findings& out) {
  for (const Container& c : pod.containers)
    if (fails(c)) out.push_back({c.path + std::string(kField), '"' + c.name + "\" is privileged"});
}

void mend(const Pod& pod, const Params&, Edits& out) {
  for (const Container& c : pod.containers)
    if (fails(c)) out.push_back({c.path + std::string(kField), false});
}

/// A check of which only the functions count.
Check check_of(void (*evaluate)(const Pod&, const Params&, Findings&),
               void (*fix)(const Pod&, const Params&, Edits&)) {
  Check check;
  check.evaluate = evaluate;
  check.fix = fix;
  return check;
}

/// How often a table complains about a check that tells privileged containers.
std::string complaints(const Check& check, Fix fix = Fix::Mends, const More& more = {},
                       const Paths& findings = {"/container/securityContext/privileged"}) {
  ::testing::TestPartResultArray results;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    Table{&check, fix}.containers(
        {{"good", "{}"}, {"bad", R"({"securityContext": {"privileged": true}})", findings, more}});
  }
  std::string text;
  for (int i = 0; i < results.size(); ++i) text += results.GetTestPartResult(i).message();
  return text;
}

TEST(CheckTable, HasNothingToSayOfACheckThatIsRight) {
  const Check right = check_of(find, mend);
  EXPECT_EQ(complaints(right), "");
  EXPECT_EQ(complaints(right, Fix::Mends,
                       {.messages = {"\"c\" is privileged"},
                        .fixed = R"({"securityContext": {"privileged": false}})"}),
            "");
}

struct Wrong {
  const char* what;
  const char* complaint;
  void (*evaluate)(const Pod&, const Params&, Findings&);
  void (*fix)(const Pod&, const Params&, Edits&);
};

TEST(CheckTable, SeesWhatIsWrong) {
  const Wrong kWrong[] = {
      {"finds nothing", "actual", [](const Pod&, const Params&, Findings&) {}, mend},
      {"passes ephemeral containers", "ephemeralContainers",
       [](const Pod& pod, const Params& params, Findings& out) {
         Pod part = pod;
         std::erase_if(part.containers,
                       [](const Container& c) { return c.kind == ContainerKind::Ephemeral; });
         find(part, params, out);
       },
       mend},
      {"forgets where the template stands", "Deployment",
       [](const Pod& pod, const Params& params, Findings& out) {
         find(pod, params, out);
         for (Finding& finding : out)
           if (finding.path.starts_with(pod.path)) finding.path.erase(0, pod.path.size());
       },
       mend},
      {"finds the last first", "more, in all lists",
       [](const Pod& pod, const Params& params, Findings& out) {
         find(pod, params, out);
         std::reverse(out.begin() + 1, out.end());
       },
       mend},
      {"ends in a full stop", "is privileged.",
       [](const Pod& pod, const Params& params, Findings& out) {
         find(pod, params, out);
         for (Finding& finding : out) finding.message += '.';
       },
       mend},
      {"says nothing", "message.empty()",
       [](const Pod& pod, const Params& params, Findings& out) {
         find(pod, params, out);
         for (Finding& finding : out) finding.message.clear();
       },
       mend},
      {"names no container", "names no container",
       [](const Pod& pod, const Params& params, Findings& out) {
         find(pod, params, out);
         for (Finding& finding : out) finding.message = "is privileged";
       },
       mend},
      {"throws away what others found", "it appends",
       [](const Pod& pod, const Params& params, Findings& out) {
         out = {};
         find(pod, params, out);
       },
       mend},
      {"mends nothing", "a fix edits what fails", find, [](const Pod&, const Params&, Edits&) {}},
      {"mends the first only", "the fix leaves", find,
       [](const Pod& pod, const Params& params, Edits& out) {
         mend(pod, params, out);
         if (out.size() > 2) out = {out[0], out[1]};
       }},
      {"mends with a value that fails", "its edits leave it", find,
       [](const Pod& pod, const Params& params, Edits& out) {
         mend(pod, params, out);
         for (Edit& edit : out) edit.value = true;
       }},
      {"edits what passes", "a fix edits what fails", find,
       [](const Pod& pod, const Params&, Edits& out) {
         for (const Container& c : pod.containers)
           out.push_back({c.path + std::string(kField), false});
       }},
      {"edits what no finding is about", "no finding explains", find,
       [](const Pod& pod, const Params& params, Edits& out) {
         mend(pod, params, out);
         for (const Container& c : pod.containers)
           if (fails(c)) out.push_back({c.path + "/image", std::string("other")});
       }},
  };
  for (const Wrong& wrong : kWrong) {
    const Check check = check_of(wrong.evaluate, wrong.fix);
    EXPECT_NE(complaints(check).find(wrong.complaint), std::string::npos)
        << "a check that " << wrong.what << ": " << complaints(check).substr(0, 2000);
  }
}

TEST(CheckTable, SeesThatTheRowIsNotMet) {
  const Check right = check_of(find, mend);
  const Check without_fix = check_of(find, nullptr);
  EXPECT_EQ(complaints(without_fix, Fix::None), "");
  EXPECT_NE(complaints(without_fix), "");
  EXPECT_NE(complaints(right, Fix::None), "");
  EXPECT_NE(complaints(right, Fix::Mends, {.messages = {"other"}}), "");
  EXPECT_NE(complaints(right, Fix::Mends, {.fixed = "{}"}), "");
  EXPECT_NE(complaints(right, Fix::Mends, {}, {"/container/securityContext"}), "");
  EXPECT_NE(complaints(right, Fix::Mends, {}, {}), "");
  EXPECT_NE(complaints(right, Fix::Mends, {.messages = {"one", "two"}}), "");
}

}  // namespace
}  // namespace plimsoll::testing
