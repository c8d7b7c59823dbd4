#include "app/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "app/templates_of.h"

namespace plimsoll::app {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Every review of the repository that an API server once sent, by the name of its file.
const std::map<std::string, std::string>& reviews() {
  static const auto all = [] {
    std::map<std::string, std::string> read;
    for (const char* folder : {"/examples/reviews", "/bench/side-by-side/reviews"})
      for (const auto& file :
           std::filesystem::directory_iterator(std::string(PLIMSOLL_SOURCE_DIR) + folder)) {
        if (file.path().extension() != ".json") continue;
        std::ifstream in(file.path(), std::ios::binary);
        read[file.path().stem().string()] = {std::istreambuf_iterator<char>(in),
                                             std::istreambuf_iterator<char>()};
      }
    return read;
  }();
  return all;
}

/// A review with a change.
template <class Change>
std::string changed(const std::string& name, Change change) {
  json review = json::parse(reviews().at(name));
  change(review["request"]);
  return review.dump();
}

std::string in_namespace(const std::string& name, const std::string& namespace_name) {
  return changed(name, [&](json& request) { request["namespace"] = namespace_name; });
}

/// The pod of a review in a Deployment.
std::string deployment(const std::string& name) {
  return changed(name, [](json& request) {
    const json pod = request["object"];
    request["kind"] = {{"group", "apps"}, {"version", "v1"}, {"kind", "Deployment"}};
    request["resource"] = {{"group", "apps"}, {"version", "v1"}, {"resource", "deployments"}};
    request["object"] = {{"apiVersion", "apps/v1"},
                         {"kind", "Deployment"},
                         {"metadata", {{"name", "web"}}},
                         {"spec", {{"template", {{"spec", pod["spec"]}}}}}};
  });
}

Binding binding(const templates::Library& library, Mode mode, const std::string& ref) {
  Binding bound;
  bound.mode = mode;
  bound.policy = library.find(TemplateRef::parse(ref).value());
  EXPECT_NE(bound.policy, nullptr) << ref;
  return bound;
}

/// A webhook, what it counted and what it logged.
class Hook {
 public:
  explicit Hook(const std::function<void(policy::Policy&)>& set_up = {},
                DecisionLog decisions = DecisionLog::None) {
    policy::Policy policy;
    policy.library = load_library({}).value();
    policy.pod_places = load_pod_places({}).value();
    if (set_up) set_up(policy);
    policy_ = std::make_shared<const policy::Policy>(std::move(policy));
    Cluster cluster;
    if (policy_->namespace_labels) {
      namespaces_ = std::make_unique<Namespaces>(
          policy_, [this](std::string name, Namespaces::Clock::time_point deadline, auto done) {
            fetched.push_back(name);
            last_deadline = deadline;
            fetch(name, done);
          });
      running_ =
          std::make_unique<RunningPods>([this](const std::string&, RunningPods::Clock::time_point,
                                               const auto& take) { return list(take); },
                                        policy_->exemptions.runtime_classes);
      cluster = {namespaces_.get(), running_.get()};
    }
    webhook_ = std::make_unique<Webhook>(policy_, cluster, registry_, decisions,
                                         [this](std::string_view line) {
                                           const std::lock_guard lock(mutex_);
                                           lines_.emplace_back(line);
                                         });
  }

  /// What the API server says of a namespace that is not known.
  std::function<void(const std::string& name,
                     const std::function<void(const Result<Namespaces::SharedLabels>&)>& done)>
      fetch;
  /// What it says of the pods that run.
  std::function<Result<bool>(const std::function<Status(const codec::PodList&)>& take)> list;
  std::vector<std::string> fetched;
  Namespaces::Clock::time_point last_deadline;

  Namespaces& namespaces() { return *namespaces_; }

  server::Reply reply(std::string_view path, std::string_view body, std::string_view query = "") {
    return webhook_->answer({.path = path, .query = query, .body = body});
  }
  server::Response ask(std::string_view path, std::string_view body) {
    auto given = reply(path, body);
    if (auto* const now = std::get_if<server::Response>(&given)) return *now;
    std::promise<server::Response> promise;
    std::get<server::Later>(given)([&](server::Response r) { promise.set_value(std::move(r)); });
    return promise.get_future().get();
  }
  /// The response of a review that is answered.
  json review(std::string_view path, const std::string& body) {
    const auto response = ask(path, body);
    EXPECT_EQ(response.status, 200) << response.body;
    const json answer = json::parse(response.body);
    EXPECT_EQ(answer.at("apiVersion"), "admission.k8s.io/v1");
    EXPECT_EQ(answer.at("kind"), "AdmissionReview");
    return answer.at("response");
  }
  bool allows(std::string_view path, const std::string& body) {
    return review(path, body).at("allowed");
  }
  std::vector<json> log() {
    const std::lock_guard lock(mutex_);
    std::vector<json> parsed;
    for (const std::string& line : lines_) {
      EXPECT_EQ(line.find('\n'), std::string::npos);
      parsed.push_back(json::parse(line));
    }
    return parsed;
  }
  std::string metrics() const { return registry_.render(); }

 private:
  metrics::Registry registry_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::shared_ptr<const policy::Policy> policy_;
  std::unique_ptr<Webhook> webhook_;
  std::unique_ptr<Namespaces> namespaces_;
  std::unique_ptr<RunningPods> running_;  // first to go: it may still answer
};

void expect_error(const server::Response& response, int status, const std::string& says) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.content_type, "application/json");
  ASSERT_TRUE(response.body.ends_with("\n"));
  EXPECT_EQ(std::ranges::count(response.body, '\n'), 1) << response.body;
  const json body = json::parse(response.body, nullptr, false);
  ASSERT_TRUE(body.is_object()) << response.body;
  EXPECT_THAT(body.at("error").get<std::string>(), HasSubstr(says));
}

// --- fixed routes --------------------------------------------------------------------------------

TEST(Webhook, EnforcesTheTemplateOfItsRoute) {
  Hook hook;
  EXPECT_TRUE(hook.allows("/validate/enforce/restricted", reviews().at("compliant")));
  EXPECT_FALSE(hook.allows("/validate/enforce/restricted", reviews().at("unhardened")));
  EXPECT_FALSE(hook.allows("/validate/enforce/restricted", reviews().at("privileged")));
  EXPECT_TRUE(hook.allows("/validate/enforce/baseline", reviews().at("unhardened")));
  EXPECT_FALSE(hook.allows("/validate/enforce/baseline", reviews().at("privileged")));
  EXPECT_TRUE(hook.allows("/validate/enforce/privileged", reviews().at("privileged")));
}

TEST(Webhook, TakesAVersionInItsRoute) {
  Hook hook;
  // The restricted profile of v1.7 did not yet ask for ALL capabilities to be dropped.
  const auto checks = [&](std::string_view path) {
    std::set<std::string> found;
    const json response = hook.review(path, reviews().at("unhardened"));
    for (const json& cause : response.at("status").at("details").at("causes"))
      found.insert(cause.at("reason"));
    return found;
  };
  const auto newest = checks("/validate/enforce/restricted");
  EXPECT_EQ(checks("/validate/enforce/restricted@latest"), newest);
  EXPECT_EQ(checks("/validate/enforce/restricted@v1.999"), newest);
  EXPECT_EQ(checks("/validate/enforce/restricted/latest"), newest);
  EXPECT_TRUE(newest.contains("drop-all"));
  EXPECT_FALSE(checks("/validate/enforce/restricted@v1.7").contains("drop-all"));
  EXPECT_EQ(checks("/validate/enforce/restricted/v1.7"),
            checks("/validate/enforce/restricted@v1.7"));
}

TEST(Webhook, TellsWhatToChange) {
  Hook hook;
  const json response = hook.review("/validate/enforce/restricted", reviews().at("privileged"));
  ASSERT_FALSE(response.at("allowed").get<bool>());
  const json& status = response.at("status");
  EXPECT_EQ(status.at("code"), 403);
  EXPECT_EQ(status.at("reason"), "Forbidden");
  EXPECT_THAT(status.at("message").get<std::string>(), HasSubstr("restricted@v1."));
  const json& causes = status.at("details").at("causes");
  EXPECT_EQ(causes.size(), 5U);
  bool named = false;
  for (const json& cause : causes) {
    EXPECT_FALSE(cause.at("message").get<std::string>().empty());
    named = named || (cause.at("reason") == "privileged" &&
                      cause.at("field") == "spec.containers[0].securityContext.privileged");
  }
  EXPECT_TRUE(named) << causes;
}

TEST(Webhook, WarnsOrAnnotatesOnTheOtherModes) {
  Hook hook;
  const json warned = hook.review("/validate/warn/restricted", reviews().at("privileged"));
  EXPECT_TRUE(warned.at("allowed").get<bool>());
  EXPECT_EQ(warned.at("warnings").size(), 5U);
  EXPECT_FALSE(warned.contains("status"));
  const json audited = hook.review("/validate/audit/restricted", reviews().at("privileged"));
  EXPECT_TRUE(audited.at("allowed").get<bool>());
  EXPECT_FALSE(audited.contains("warnings"));
  EXPECT_THAT(audited.at("auditAnnotations").at("audit-violations").get<std::string>(),
              HasSubstr("privileged"));
}

// The registration chose the kinds of a fixed route: a workload is judged in its mode.
TEST(Webhook, JudgesWorkloadsInTheModeOfTheRoute) {
  Hook hook;
  EXPECT_FALSE(hook.allows("/validate/enforce/baseline", deployment("privileged")));
  EXPECT_TRUE(hook.allows("/validate/enforce/baseline", deployment("compliant")));
  const json warned = hook.review("/validate/warn/baseline", deployment("privileged"));
  EXPECT_TRUE(warned.at("allowed").get<bool>());
  EXPECT_EQ(warned.at("warnings").size(), 1U);
}

TEST(Webhook, FindsNothingAtAWrongRoute) {
  Hook hook;
  const std::string& review = reviews().at("compliant");
  for (const auto& [path, says] : std::vector<std::pair<std::string, std::string>>{
           {"/validate/", "{enforce|warn|audit}"},
           {"/validate/deny", "{enforce|warn|audit}"},
           {"/validate/Enforce", "{enforce|warn|audit}"},
           {"/validate/enforce/", "not a template"},
           {"/validate/deny/restricted", "{enforce|warn|audit}"},
           {"/validate/Enforce/restricted", "{enforce|warn|audit}"},
           {"/validate//restricted", "{enforce|warn|audit}"},
           {"/validate/enforce/strict", "use one of baseline, least-privilege"},
           {"/validate/enforce/Restricted", "use one of"},
           {"/validate/enforce/restricted@", "not a template"},
           {"/validate/enforce/restricted@1.31", "not a template"},
           {"/validate/enforce/restricted@v1", "not a template"},
           {"/validate/enforce/restricted@v1.031", "not a template"},
           {"/validate/enforce/restricted@v2.0", "not a template"},
           {"/validate/enforce/restricted/", "not a template"},
           {"/validate/enforce/restricted/1.31", "not a template"},
           {"/validate/enforce/restricted/v1.31/", "not a template"},
           {"/validate/enforce/restricted@v1.31/v1.31", "not a template"},
           {"/validate/enforce/a\nb", "a"},
           {std::string("/validate/enforce/a\0b", 21), "a"},
           {"/validate/enforce/\xff\xfe", ""},
           {"/validate/enforce/" + std::string(8000, 'x'), "use one of"}}) {
    SCOPED_TRACE(path);
    expect_error(hook.ask(path, review), 404, says);
  }
}

// --- what is no review ---------------------------------------------------------------------------

TEST(Webhook, RefusesWhatIsNoReview) {
  Hook hook;
  const std::string whole = reviews().at("compliant");
  const auto with = [&](const std::function<void(json&)>& change) {
    json review = json::parse(whole);
    change(review);
    return review.dump();
  };
  for (const auto& [body, says] : std::vector<std::pair<std::string, std::string>>{
           {"", "JSON"},
           {"hello", "JSON"},
           {"{", "JSON"},
           {"null", ""},
           {"[]", ""},
           {"{}", "kind"},
           {whole.substr(0, whole.size() / 2), "JSON"},
           {whole + "x", "JSON"},
           {whole + whole, "JSON"},
           {std::string(200'000, '['), "JSON"},
           {std::string("{\"a\":\0}", 7), "JSON"},
           {"{\"kind\":\"\xff\xfe\"}", "JSON"},
           {std::string(1000, '\0'), "JSON"},
           {with([](json& r) { r["apiVersion"] = "admission.k8s.io/v1beta1"; }),
            "admission.k8s.io/v1"},
           {with([](json& r) { r["kind"] = "Pod"; }), "AdmissionReview"},
           {with([](json& r) { r["kind"] = 7; }), "kind"},
           {with([](json& r) { r.erase("request"); }), "request"},
           {with([](json& r) { r["request"] = "x"; }), "request"},
           {with([](json& r) { r["request"] = nullptr; }), "request"},
           {with([](json& r) { r["request"].erase("uid"); }), "uid"},
           {with([](json& r) { r["request"]["uid"] = 5; }), "uid"},
           {with([](json& r) { r["request"].erase("resource"); }), "resource"},
           {with([](json& r) { r["request"]["operation"] = {1}; }), "operation"}}) {
    for (const char* path :
         {"/validate", "/validate/enforce/restricted", "/validate/warn/baseline"}) {
      SCOPED_TRACE(std::string(path) + " " + body.substr(0, 60));
      expect_error(hook.ask(path, body), 400, says);
    }
  }
  EXPECT_THAT(hook.metrics(), HasSubstr("\nplimsoll_malformed_reviews_total 69\n"));
  // Whoever sent it is none the worse for it.
  EXPECT_TRUE(hook.allows("/validate/enforce/restricted", whole));
}

TEST(Webhook, DeniesWhatCannotBeRead) {
  Hook hook;
  const auto broken = [](const json& value) {
    return changed("compliant", [&](json& request) { request["object"]["spec"] = value; });
  };
  for (const json& value : {json("text"), json(7), json::array({1})}) {
    EXPECT_FALSE(hook.allows("/validate/enforce/baseline", broken(value))) << value;
    const json warned = hook.review("/validate/warn/baseline", broken(value));
    EXPECT_TRUE(warned.at("allowed").get<bool>());
    EXPECT_FALSE(warned.at("warnings").empty());
  }
  const std::string no_object =
      changed("compliant", [](json& request) { request.erase("object"); });
  EXPECT_FALSE(hook.allows("/validate/enforce/baseline", no_object));
}

// --- every review --------------------------------------------------------------------------------

TEST(Webhook, EchoesTheUid) {
  Hook hook;
  ASSERT_GE(reviews().size(), 12U);
  for (const auto& [name, body] : reviews()) {
    const json uid = json::parse(body).at("request").at("uid");
    for (const char* path :
         {"/validate", "/validate/enforce/restricted", "/validate/warn/restricted",
          "/validate/audit/least-privilege", "/validate/enforce/privileged"})
      EXPECT_EQ(hook.review(path, body).at("uid"), uid) << name << path;
  }
  const std::string odd = "a\"b\\c\n\u00e9\u2028";
  const auto review = changed("privileged", [&](json& request) { request["uid"] = odd; });
  EXPECT_EQ(hook.review("/validate/enforce/baseline", review).at("uid"), odd);
}

TEST(Webhook, DecidesEveryRealReviewByEachTemplate) {
  const std::set<std::string> beyond_baseline = {"privileged", "008-CREATE-pods-win",
                                                 "038-CREATE-pods-rooty", "043-CREATE-pods-vols"};
  Hook hook;
  for (const auto& [name, body] : reviews()) {
    EXPECT_TRUE(hook.allows("/validate/enforce/privileged", body)) << name;
    EXPECT_EQ(hook.allows("/validate/enforce/baseline", body), !beyond_baseline.contains(name))
        << name;
    EXPECT_EQ(hook.allows("/validate/enforce/restricted", body), name == "compliant") << name;
    EXPECT_TRUE(hook.allows("/validate/warn/restricted", body)) << name;
  }
}

TEST(Webhook, AllowsWhatIsNotItsConcern) {
  Hook hook;
  for (const char* operation : {"DELETE", "CONNECT"})
    EXPECT_TRUE(
        hook.allows("/validate/enforce/restricted", changed("privileged", [&](json& request) {
                      request["operation"] = operation;
                      request["object"] = nullptr;
                    })));
  for (const char* subresource : {"exec", "attach", "binding", "eviction", "log", "status"})
    EXPECT_TRUE(hook.allows(
        "/validate/enforce/restricted",
        changed("privileged", [&](json& request) { request["subResource"] = subresource; })))
        << subresource;
  EXPECT_TRUE(hook.allows("/validate/enforce/restricted", changed("privileged", [](json& request) {
                            request["resource"]["resource"] = "services";
                          })));
}

// --- bindings ------------------------------------------------------------------------------------

TEST(Webhook, AllowsEverythingWithoutABinding) {
  Hook hook;
  const json response = hook.review("/validate", reviews().at("privileged"));
  EXPECT_TRUE(response.at("allowed").get<bool>());
  EXPECT_FALSE(response.contains("warnings"));
}

TEST(Webhook, JoinsItsBindings) {
  Hook hook([](policy::Policy& policy) {
    policy.bindings = {binding(policy.library, Mode::Enforce, "baseline"),
                       binding(policy.library, Mode::Warn, "restricted"),
                       binding(policy.library, Mode::Audit, "least-privilege")};
  });
  const json unhardened = hook.review("/validate", reviews().at("unhardened"));
  EXPECT_TRUE(unhardened.at("allowed").get<bool>());
  EXPECT_EQ(unhardened.at("warnings").size(), 4U);
  EXPECT_TRUE(unhardened.at("auditAnnotations").contains("audit-violations"));
  const json privileged = hook.review("/validate", reviews().at("privileged"));
  EXPECT_FALSE(privileged.at("allowed").get<bool>());
  EXPECT_EQ(privileged.at("status").at("details").at("causes").size(), 1U);
}

TEST(Webhook, DeniesWhenOneOfSeveralBindingsDoes) {
  Hook hook([](policy::Policy& policy) {
    policy.bindings = {binding(policy.library, Mode::Enforce, "privileged"),
                       binding(policy.library, Mode::Enforce, "restricted"),
                       binding(policy.library, Mode::Enforce, "baseline")};
  });
  const json response = hook.review("/validate", reviews().at("privileged"));
  EXPECT_FALSE(response.at("allowed").get<bool>());
  // What two templates ask for is said once.
  EXPECT_EQ(response.at("status").at("details").at("causes").size(), 5U);
  EXPECT_TRUE(hook.allows("/validate", reviews().at("compliant")));
}

TEST(Webhook, BindsByNamespace) {
  Hook hook([](policy::Policy& policy) {
    Binding bound = binding(policy.library, Mode::Enforce, "restricted");
    bound.namespaces = {"shop-*", "web", "team-?"};
    bound.exclude_namespaces = {"shop-legacy", "*-system"};
    policy.bindings = {bound};
  });
  const auto judged = [&](const std::string& name) {
    return !hook.allows("/validate", in_namespace("privileged", name));
  };
  for (const char* name : {"shop-a", "shop-", "web", "team-1"}) EXPECT_TRUE(judged(name)) << name;
  for (const char* name : {"shop", "webs", "my-web", "team-10", "team-", "shop-legacy",
                           "shop-system", "default", "", "WEB"})
    EXPECT_FALSE(judged(name)) << name;
}

TEST(Webhook, ExcludesFromEveryNamespace) {
  Hook hook([](policy::Policy& policy) {
    Binding bound = binding(policy.library, Mode::Enforce, "baseline");
    bound.exclude_namespaces = {"kube-*"};
    policy.bindings = {bound};
  });
  EXPECT_FALSE(hook.allows("/validate", in_namespace("privileged", "default")));
  EXPECT_TRUE(hook.allows("/validate", in_namespace("privileged", "kube-system")));
  EXPECT_FALSE(hook.allows("/validate", in_namespace("privileged", "my-kube-system")));
}

TEST(Webhook, OnlyWarnsAboutWorkloadsUnlessTheBindingSaysOtherwise) {
  for (const bool enforce : {false, true}) {
    Hook hook([&](policy::Policy& policy) {
      Binding bound = binding(policy.library, Mode::Enforce, "baseline");
      bound.workloads = enforce ? Workloads::Enforce : Workloads::Warn;
      policy.bindings = {bound};
    });
    const json response = hook.review("/validate", deployment("privileged"));
    EXPECT_EQ(response.at("allowed").get<bool>(), !enforce);
    EXPECT_EQ(response.contains("warnings"), !enforce);
    EXPECT_FALSE(hook.allows("/validate", reviews().at("privileged")));
  }
}

// --- custom resources ----------------------------------------------------------------------------

/// A review about an object of that kind, with the spec.
std::string custom(const std::string& group, const std::string& kind, const std::string& resource,
                   const json& spec) {
  return changed("privileged", [&](json& request) {
    request["kind"] = {{"group", group}, {"version", "v1"}, {"kind", kind}};
    request["resource"] = {{"group", group}, {"version", "v1"}, {"resource", resource}};
    request["object"] = {{"apiVersion", group + "/v1"},
                         {"kind", kind},
                         {"metadata", {{"name", "web"}}},
                         {"spec", spec}};
  });
}

json privileged_spec() {
  return json::parse(reviews().at("privileged"))["request"]["object"]["spec"];
}

std::string rollout() {
  return custom("argoproj.io", "Rollout", "rollouts",
                {{"replicas", 2}, {"template", {{"spec", privileged_spec()}}}});
}

/// That review as an update of what it is about, after a change.
template <class Change>
std::string updated(const std::string& body, Change change) {
  json review = json::parse(body);
  json& request = review["request"];
  request["operation"] = "UPDATE";
  request["oldObject"] = request["object"];
  change(request["object"]);
  return review.dump();
}

template <class Change>
std::string altered(const std::string& body, Change change) {
  json review = json::parse(body);
  change(review["request"]);
  return review.dump();
}

TEST(WebhookOfCustomResources, JudgesThemAsWorkloads) {
  for (const bool enforce : {false, true}) {
    Hook hook([&](policy::Policy& policy) {
      Binding bound = binding(policy.library, Mode::Enforce, "baseline");
      bound.workloads = enforce ? Workloads::Enforce : Workloads::Warn;
      policy.bindings = {bound};
    });
    const json response = hook.review("/validate", rollout());
    EXPECT_EQ(response.at("allowed").get<bool>(), !enforce);
    EXPECT_EQ(response.contains("warnings"), !enforce);
    EXPECT_TRUE(hook.allows("/validate", custom("example.com", "Rollout", "rollouts",
                                                {{"template", {{"spec", privileged_spec()}}}})))
        << "nobody has said where its pods are";
    EXPECT_THAT(hook.metrics(), HasSubstr("plimsoll_reviews_total{scope=\"workload\",decision=\"" +
                                          std::string(enforce ? "denied" : "allowed") + "\"} 1"));
  }
}

TEST(WebhookOfCustomResources, NamesEachPlace) {
  Hook hook;
  const json pod = {{"spec", privileged_spec()}};
  const json response =
      hook.review("/validate/enforce/baseline",
                  custom("kubeflow.org", "PyTorchJob", "pytorchjobs",
                         {{"pytorchReplicaSpecs",
                           {{"Master", {{"template", pod}}}, {"Worker", {{"template", pod}}}}}}));
  EXPECT_FALSE(response.at("allowed"));
  std::set<std::string> fields;
  for (const json& cause : response.at("status").at("details").at("causes"))
    fields.insert(cause.at("field"));
  for (const char* replica : {"Master", "Worker"})
    EXPECT_TRUE(fields.contains(std::string("spec.pytorchReplicaSpecs.") + replica +
                                ".template.spec.containers[0].securityContext.privileged"))
        << ::testing::PrintToString(fields);
}

TEST(WebhookOfCustomResources, KindsOfTheConfiguration) {
  const auto widget = custom("example.com", "Widget", "widgets", {{"pod", privileged_spec()}});
  EXPECT_TRUE(Hook().allows("/validate/enforce/baseline", widget));
  Hook hook([](policy::Policy& policy) {
    policy.pod_places.set("example.com", "Widget", {{"/spec/pod", PodShape::Spec}});
  });
  const json response = hook.review("/validate/enforce/baseline", widget);
  EXPECT_FALSE(response.at("allowed"));
  EXPECT_THAT(response.at("status").at("message").get<std::string>(),
              HasSubstr("widget \"debug\" has more privilege"));
}

TEST(WebhookOfCustomResources, NeverBlocksWhatMakesNoPod) {
  Hook hook([](policy::Policy& policy) {
    Binding bound = binding(policy.library, Mode::Enforce, "baseline");
    bound.workloads = Workloads::Enforce;
    policy.bindings = {bound};
  });
  const auto passes = [&](const std::string& body) { return hook.allows("/validate", body); };
  EXPECT_FALSE(passes(updated(rollout(), [](json& object) {
    object["spec"]["template"]["spec"]["containers"][0]["image"] = "new";
  })));
  EXPECT_TRUE(passes(updated(rollout(), [](json& object) { object["spec"]["replicas"] = 5; })));
  EXPECT_TRUE(passes(updated(rollout(), [](json& object) {
    object["metadata"]["finalizers"] = {"a/b"};
    object["status"] = {{"phase", "Paused"}};
  })));
  for (const char* subresource : {"status", "scale"})
    EXPECT_TRUE(passes(altered(rollout(), [&](json& request) {
      request["subResource"] = subresource;
      if (std::string(subresource) == "scale") request["kind"]["kind"] = "Scale";
    })));
  EXPECT_TRUE(passes(altered(rollout(), [](json& request) {
    request["operation"] = "DELETE";
    request["oldObject"] = request["object"];
    request["object"] = nullptr;
  })));
  for (const json& spec : {json::object(), json{{"workloadRef", {{"name", "web"}}}}, json(nullptr)})
    EXPECT_TRUE(passes(custom("argoproj.io", "Rollout", "rollouts", spec))) << spec;
}

// Its status is no subresource: the controller writes it with the object.
TEST(WebhookOfCustomResources, AWorkflowThatRunsIsLeftAlone) {
  Hook hook([](policy::Policy& policy) {
    Binding bound = binding(policy.library, Mode::Enforce, "baseline");
    bound.workloads = Workloads::Enforce;
    policy.bindings = {bound};
  });
  const auto workflow = custom("argoproj.io", "Workflow", "workflows",
                               json::parse(R"({"entrypoint": "a", "hostNetwork": true,
                             "templates": [{"name": "a", "container": {"image": "a"}}]})"));
  EXPECT_FALSE(hook.allows("/validate", workflow));
  for (const char* field : {"suspend", "shutdown", "arguments"})
    EXPECT_TRUE(hook.allows("/validate", updated(workflow,
                                                 [&](json& object) {
                                                   object["spec"][field] = "x";
                                                   object["status"] = {{"phase", "Running"}};
                                                 })))
        << field;
  EXPECT_FALSE(hook.allows("/validate", updated(workflow, [](json& object) {
                             object["spec"]["templates"][0]["container"]["image"] = "b";
                           })));
  EXPECT_FALSE(hook.allows("/validate", updated(workflow, [](json& object) {
                             object["spec"]["podSpecPatch"] = "{\"hostPID\":true}";
                           })));
}

TEST(WebhookOfCustomResources, WhatCannotBeReadIsDenied) {
  Hook hook;
  const auto passes = [&](const std::string& body) {
    return hook.allows("/validate/enforce/baseline", body);
  };
  EXPECT_FALSE(passes(custom("argoproj.io", "Rollout", "rollouts", "text")));
  EXPECT_FALSE(passes(custom("argoproj.io", "Rollout", "rollouts", {{"template", {1, 2}}})));
  EXPECT_FALSE(passes(custom("ray.io", "RayCluster", "rayclusters",
                             {{"workerGroupSpecs", {{"a", {{"template", "text"}}}}}})));
  EXPECT_FALSE(passes(altered(rollout(), [](json& request) {
    request["object"]["kind"] = "Service";
  }))) << "the object is not of the kind that the request names";
}

// Kubernetes takes any number into a custom resource.
TEST(WebhookOfCustomResources, ANumberBeyondReading) {
  Hook hook;
  const auto with_number = [](std::string body) {
    const std::string key = "\"replicas\":2";
    return body.replace(body.find(key), key.size(), "\"replicas\":123456789012345678901234567890");
  };
  expect_error(hook.ask("/validate/enforce/baseline", with_number(rollout())), 400, "JSON");
  EXPECT_TRUE(
      hook.allows("/validate/enforce/baseline",
                  with_number(custom("example.com", "Rollout", "rollouts", {{"replicas", 2}}))));
}

TEST(WebhookOfCustomResources, OneOfTheClusterIsHeldToBindingsOfTheConfiguration) {
  const auto templates = altered(
      custom("argoproj.io", "ClusterWorkflowTemplate", "clusterworkflowtemplates",
             json::parse(R"({"hostNetwork": true, "templates": [{"container": {"image": "a"}}]})")),
      [](json& request) { request.erase("namespace"); });
  for (const auto& [selector, namespaces, allowed] :
       {std::tuple(Selector{}, std::vector<std::string>{}, false),
        std::tuple(Selector{{{"tier", Selector::Operator::DoesNotExist, {}}}},
                   std::vector<std::string>{}, true),
        std::tuple(Selector{}, std::vector<std::string>{"shop"}, true)}) {
    Hook hook([&](policy::Policy& policy) {
      policy.namespace_labels = true;
      Binding& all =
          policy.bindings.emplace_back(binding(policy.library, Mode::Enforce, "baseline"));
      all.workloads = Workloads::Enforce;
      all.selector = selector;
      all.namespaces = namespaces;
    });
    EXPECT_EQ(hook.allows("/validate", templates), allowed);
    EXPECT_THAT(hook.fetched, ::testing::IsEmpty());
  }
}

TEST(WebhookOfCustomResources, IsExemptOnlyIfEachOfItsPodsIs) {
  Hook hook([](policy::Policy& policy) { policy.exemptions.runtime_classes = {"kata"}; });
  const auto cluster = [](const json& head_class, const json& worker_class) {
    json head = privileged_spec(), worker = head;
    head["runtimeClassName"] = head_class;
    worker["runtimeClassName"] = worker_class;
    json spec;
    spec["headGroupSpec"]["template"]["spec"] = head;
    spec["workerGroupSpecs"][0]["template"]["spec"] = worker;
    return custom("ray.io", "RayCluster", "rayclusters", spec);
  };
  EXPECT_TRUE(hook.allows("/validate/enforce/baseline", cluster("kata", "kata")));
  EXPECT_FALSE(hook.allows("/validate/enforce/baseline", cluster("kata", nullptr)));
}

TEST(WebhookOfCustomResources, ARatchetExcusesInItsPlace) {
  Hook hook([](policy::Policy& policy) {
    policy.bindings = {binding(policy.library, Mode::Enforce, "baseline")};
    policy.bindings[0].workloads = Workloads::Enforce;
    policy.bindings[0].updates = Updates::Ratchet;
  });
  const json bad = {{"spec", privileged_spec()}},
             good = {{"spec", {{"containers", json::array()}}}};
  const auto job = custom("kubeflow.org", "PyTorchJob", "pytorchjobs",
                          {{"pytorchReplicaSpecs",
                            {{"Master", {{"template", bad}}}, {"Worker", {{"template", good}}}}}});
  EXPECT_TRUE(hook.allows("/validate", updated(job, [](json& object) {
                            object["spec"]["pytorchReplicaSpecs"]["Master"]["template"]["spec"]
                                  ["containers"][0]["image"] = "new";
                          })));
  EXPECT_FALSE(hook.allows("/validate", updated(job, [&](json& object) {
                             object["spec"]["pytorchReplicaSpecs"]["Worker"]["template"] = bad;
                           })));
}

// --- dry run -------------------------------------------------------------------------------------

TEST(Webhook, DryRunDeniesNothingAndSaysSo) {
  Hook hook(
      [](policy::Policy& policy) {
        policy.dry_run = true;
        policy.bindings = {binding(policy.library, Mode::Enforce, "restricted")};
      },
      DecisionLog::All);
  for (const auto& [name, body] : reviews())
    for (const char* path : {"/validate", "/validate/enforce/restricted"})
      EXPECT_TRUE(hook.allows(path, body)) << name;
  const json response = hook.review("/validate", reviews().at("privileged"));
  EXPECT_EQ(response.at("warnings").size(), 5U);
  EXPECT_THAT(response.at("auditAnnotations").at("dry-run-violations").get<std::string>(),
              HasSubstr("privileged"));
  EXPECT_FALSE(hook.review("/validate", reviews().at("compliant")).contains("warnings"));

  const auto denied = (reviews().size() - 1) * 2 + 1;
  EXPECT_THAT(hook.metrics(),
              HasSubstr("\nplimsoll_dry_run_denials_total " + std::to_string(denied) + "\n"));
  std::size_t said = 0;
  for (const json& line : hook.log()) {
    EXPECT_EQ(line.at("allowed"), true);
    for (const json& judgement : line.at("judgements"))
      if (judgement.contains("wouldDeny")) ++said;
  }
  EXPECT_EQ(said, denied);
}

// --- the decision log ----------------------------------------------------------------------------

std::size_t lines_with(DecisionLog decisions) {
  Hook hook({}, decisions);
  hook.ask("/validate/enforce/restricted", reviews().at("compliant"));   // allowed
  hook.ask("/validate/enforce/restricted", reviews().at("privileged"));  // denied
  hook.ask("/validate/warn/restricted", reviews().at("privileged"));     // allowed, with findings
  hook.ask("/validate/audit/restricted", reviews().at("privileged"));    // the same
  hook.ask("/validate/enforce/restricted", "no review");
  hook.ask("/validate/enforce/nothing", reviews().at("privileged"));
  return hook.log().size();
}

TEST(Webhook, LogsTheDecisionsThatAreAskedFor) {
  EXPECT_EQ(lines_with(DecisionLog::None), 0U);
  EXPECT_EQ(lines_with(DecisionLog::Denied), 1U);
  EXPECT_EQ(lines_with(DecisionLog::Findings), 3U);
  EXPECT_EQ(lines_with(DecisionLog::All), 4U);
}

TEST(Webhook, LogsWhatWasDecidedAndWhy) {
  Hook hook({}, DecisionLog::All);
  hook.ask("/validate/enforce/restricted", reviews().at("privileged"));
  const auto log = hook.log();
  ASSERT_EQ(log.size(), 1U);
  const json& line = log[0];
  const json request = json::parse(reviews().at("privileged")).at("request");
  EXPECT_EQ(line.at("msg"), "decision");
  EXPECT_EQ(line.at("uid"), request.at("uid"));
  EXPECT_EQ(line.at("allowed"), false);
  EXPECT_EQ(line.at("operation"), "CREATE");
  EXPECT_EQ(line.at("resource"), "pods");
  EXPECT_EQ(line.at("kind"), "Pod");
  EXPECT_EQ(line.at("namespace"), request.at("namespace"));
  EXPECT_EQ(line.at("name"), request.at("name"));
  EXPECT_EQ(line.at("user"), request.at("userInfo").at("username"));
  EXPECT_EQ(line.at("requestDryRun"), false);
  EXPECT_GE(line.at("microseconds").get<int>(), 0);
  ASSERT_EQ(line.at("judgements").size(), 1U);
  const json& judgement = line.at("judgements")[0];
  EXPECT_EQ(judgement.at("mode"), "enforce");
  EXPECT_THAT(judgement.at("template").get<std::string>(), HasSubstr("restricted@v1."));
  EXPECT_EQ(judgement.at("findings"), 5);
  EXPECT_EQ(judgement.at("violations").size(), 5U);
  for (const json& violation : judgement.at("violations"))
    for (const char* key : {"check", "path", "message"}) EXPECT_TRUE(violation.contains(key));
}

TEST(Webhook, LogsOddTextInOneLine) {
  Hook hook({}, DecisionLog::All);
  const std::string odd = "a\n\"\\\t\u2028\x01 {}";
  hook.ask("/validate/enforce/restricted", changed("privileged", [&](json& request) {
             request["name"] = odd;
             request["userInfo"]["username"] = odd;
             request["object"]["spec"]["containers"][0]["name"] = odd;
           }));
  const auto log = hook.log();  // parses each
  ASSERT_EQ(log.size(), 1U);
  EXPECT_EQ(log[0].at("name"), odd);
  EXPECT_EQ(log[0].at("user"), odd);
}

// A pod with very many faults must not make a line without end.
TEST(Webhook, BoundsALine) {
  Hook hook({}, DecisionLog::All);
  const auto review = changed("privileged", [](json& request) {
    json& containers = request["object"]["spec"]["containers"];
    for (int i = 0; i < 500; ++i) containers.push_back({{"name", "c" + std::to_string(i)}});
  });
  EXPECT_FALSE(hook.allows("/validate/enforce/restricted", review));
  const auto log = hook.log();
  ASSERT_EQ(log.size(), 1U);
  const json& judgement = log[0].at("judgements")[0];
  EXPECT_GT(judgement.at("findings").get<int>(), 1000);
  EXPECT_EQ(judgement.at("violations").size(), 100U);
}

// --- metrics -------------------------------------------------------------------------------------

TEST(Webhook, CountsWhatItDecides) {
  Hook hook;
  hook.ask("/validate/enforce/restricted", reviews().at("compliant"));
  hook.ask("/validate/enforce/restricted", reviews().at("privileged"));
  hook.ask("/validate/enforce/baseline", reviews().at("privileged"));
  hook.ask("/validate/warn/baseline", reviews().at("privileged"));
  hook.ask("/validate/enforce/baseline", deployment("privileged"));
  hook.ask("/validate/enforce/baseline",
           changed("privileged", [](json& request) { request["operation"] = "DELETE"; }));
  hook.ask("/validate/enforce/baseline", "no review");
  hook.ask("/validate/enforce/none", reviews().at("privileged"));
  const std::string text = hook.metrics();
  for (const char* line : {R"(plimsoll_reviews_total{scope="pod",decision="allowed"} 2)",
                           R"(plimsoll_reviews_total{scope="pod",decision="denied"} 2)",
                           R"(plimsoll_reviews_total{scope="workload",decision="denied"} 1)",
                           R"(plimsoll_reviews_total{scope="workload",decision="allowed"} 0)",
                           R"(plimsoll_reviews_total{scope="other",decision="allowed"} 1)",
                           R"(plimsoll_findings_total{check="privileged",mode="enforce"} 3)",
                           R"(plimsoll_findings_total{check="privileged",mode="warn"} 1)",
                           R"(plimsoll_findings_total{check="privileged",mode="audit"} 0)",
                           R"(plimsoll_findings_total{check="drop-all",mode="enforce"} 1)",
                           "plimsoll_malformed_reviews_total 1", "plimsoll_dry_run_denials_total 0",
                           "plimsoll_review_duration_seconds_count 6"})
    EXPECT_THAT(text, HasSubstr("\n" + std::string(line) + "\n"));
}

TEST(Webhook, CountsFieldsThatCannotBeRead) {
  Hook hook;
  hook.ask("/validate/enforce/baseline", changed("compliant", [](json& request) {
             request["object"]["spec"]["hostNetwork"] = "true";
           }));
  EXPECT_THAT(hook.metrics(),
              HasSubstr("plimsoll_findings_total{check=\"" + std::string(kUnreadableField.id) +
                        "\",mode=\"enforce\"} 1\n"));
}

// --- threads -------------------------------------------------------------------------------------

// --- namespaces ----------------------------------------------------------------------------------

void follow_labels(policy::Policy& policy) { policy.namespace_labels = true; }

Namespaces::SharedLabels labels(Labels all) {
  return std::make_shared<const Labels>(std::move(all));
}

TEST(WebhookWithLabels, FollowsTheLabelsOfTheNamespace) {
  Hook hook(follow_labels);
  hook.namespaces().replace({{"strict", labels({{"plimsoll.dev/enforce", "restricted"}})},
                             {"open", labels({})},
                             {"warned", labels({{"plimsoll.dev/warn", "restricted"}})}});
  const auto bad = reviews().at("privileged");
  const json denied = hook.review("/validate", in_namespace("privileged", "strict"));
  EXPECT_FALSE(denied.at("allowed"));
  EXPECT_THAT(denied.at("status").at("message").get<std::string>(),
              HasSubstr("restricted@v1.37 (label plimsoll.dev/enforce) allows"));
  EXPECT_TRUE(hook.allows("/validate", in_namespace("privileged", "open")));
  const json warned = hook.review("/validate", in_namespace("privileged", "warned"));
  EXPECT_TRUE(warned.at("allowed"));
  EXPECT_FALSE(warned.at("warnings").empty());
  hook.namespaces().change("open", labels({{"plimsoll.dev/enforce", "baseline"}}));
  EXPECT_FALSE(hook.allows("/validate", in_namespace("privileged", "open")));
  EXPECT_THAT(hook.fetched, ::testing::IsEmpty());
}

TEST(WebhookWithLabels, AsksForANamespaceThatItDoesNotKnow) {
  Hook hook(follow_labels);
  hook.fetch = [](const std::string& name, const auto& done) {
    EXPECT_EQ(name, "new");
    done(labels({{"plimsoll.dev/enforce", "restricted"}}));
  };
  EXPECT_FALSE(hook.allows("/validate", in_namespace("privileged", "new")));
  EXPECT_FALSE(hook.allows("/validate", in_namespace("privileged", "new")));
  EXPECT_THAT(hook.fetched, ::testing::ElementsAre("new")) << "once";
  EXPECT_THAT(hook.metrics(), HasSubstr("plimsoll_namespace_lookups_total{result=\"found\"} 1"));
}

TEST(WebhookWithLabels, DeniesAPodWhoseNamespaceCannotBeHad) {
  Hook hook(follow_labels);
  hook.fetch = [](const std::string&, const auto& done) {
    Error error;
    error.message = "not answered in time";
    done(Result<Namespaces::SharedLabels>(error));
  };
  const json denied = hook.review("/validate", in_namespace("compliant", "new"));
  EXPECT_FALSE(denied.at("allowed"));
  EXPECT_EQ(denied.at("status").at("code"), 500);
  EXPECT_EQ(denied.at("status").at("reason"), "InternalError");
  EXPECT_THAT(denied.at("status").at("message").get<std::string>(),
              AllOf(HasSubstr("namespace \"new\""), HasSubstr("not answered in time")));
  const json workload = hook.review("/validate", deployment("privileged"));
  EXPECT_TRUE(workload.at("allowed")) << "its pods will be judged";
  EXPECT_THAT(workload.at("auditAnnotations").at("error").get<std::string>(),
              HasSubstr("not answered in time"));
  hook.fetch = [](const std::string&, const auto& done) { done(Namespaces::SharedLabels()); };
  EXPECT_FALSE(hook.allows("/validate", in_namespace("compliant", "none"))) << "there is none";
}

TEST(WebhookWithLabels, AWorkloadWhoseNamespaceCannotBeHadIsHeldToWhatIsCertain) {
  const auto workloads_too = [](policy::Policy& policy, Selector selector) {
    policy.namespace_labels = true;
    Binding& all = policy.bindings.emplace_back(binding(policy.library, Mode::Enforce, "baseline"));
    all.workloads = Workloads::Enforce;
    all.selector = std::move(selector);
  };
  for (const bool selected : {false, true}) {
    Hook hook([&](policy::Policy& policy) {
      workloads_too(policy,
                    selected ? Selector{{{"tier", Selector::Operator::Exists, {}}}} : Selector{});
    });
    hook.fetch = [](const std::string&, const auto& done) {
      done(Result<Namespaces::SharedLabels>(Error{}));
    };
    EXPECT_EQ(hook.allows("/validate", deployment("privileged")), selected);
  }
}

TEST(WebhookWithLabels, AnswersBeforeItsClientGivesUp) {
  Hook hook(follow_labels);
  hook.fetch = [](const std::string&, const auto& done) { done(labels({})); };
  const auto body = in_namespace("compliant", "new");
  const auto begin = Namespaces::Clock::now();
  auto reply = hook.reply("/validate", body, "a=b&timeout=3s");
  std::get<server::Later>(reply)([](const server::Response&) {});
  EXPECT_GT(hook.last_deadline, begin + std::chrono::seconds(2));
  EXPECT_LT(hook.last_deadline, Namespaces::Clock::now() + std::chrono::seconds(3));
}

// For a registration with entries of their own for each mode.
TEST(WebhookWithLabels, AnswersForOneModeAlone) {
  Hook hook(follow_labels);
  hook.namespaces().replace({{"all", labels({{"plimsoll.dev/enforce", "baseline"},
                                             {"plimsoll.dev/warn", "restricted"},
                                             {"plimsoll.dev/audit", "restricted"}})}});
  const std::string bad = in_namespace("privileged", "all");
  const std::string soft = in_namespace("unhardened", "all");
  const json whole = hook.review("/validate", bad);
  const json enforced = hook.review("/validate/enforce", bad);
  EXPECT_EQ(enforced.at("status"), whole.at("status"));
  EXPECT_FALSE(enforced.contains("warnings"));
  const json warned = hook.review("/validate/warn", bad);
  EXPECT_TRUE(warned.at("allowed"));
  EXPECT_EQ(warned.at("warnings"), whole.at("warnings")) << "nothing that the denial says";
  EXPECT_FALSE(warned.contains("auditAnnotations"));
  const json audited = hook.review("/validate/audit", bad);
  EXPECT_TRUE(audited.at("allowed"));
  EXPECT_FALSE(audited.contains("warnings"));
  EXPECT_EQ(audited.at("auditAnnotations").at("audit-violations"),
            whole.at("auditAnnotations").at("audit-violations"));
  EXPECT_FALSE(audited.at("auditAnnotations").contains("enforce-policy"));
  EXPECT_TRUE(hook.allows("/validate/enforce", soft));
  EXPECT_EQ(hook.review("/validate/warn", soft).at("warnings"),
            hook.review("/validate", soft).at("warnings"));
}

TEST(WebhookWithLabels, OnlyEnforceDeniesWhatCannotBeJudged) {
  Hook hook(follow_labels);
  hook.fetch = [](const std::string&, const auto& done) {
    done(Result<Namespaces::SharedLabels>(Error{}));
  };
  EXPECT_FALSE(hook.allows("/validate/enforce", in_namespace("compliant", "new")));
  for (const char* route : {"/validate/warn", "/validate/audit"})
    EXPECT_TRUE(hook.allows(route, in_namespace("compliant", "new"))) << route;
}

TEST(Webhook, AnswersForTheBindingsOfOneMode) {
  Hook hook([](policy::Policy& policy) {
    policy.bindings = {binding(policy.library, Mode::Enforce, "baseline"),
                       binding(policy.library, Mode::Warn, "restricted")};
    policy.dry_run = true;
  });
  const json enforced = hook.review("/validate/enforce", reviews().at("privileged"));
  EXPECT_TRUE(enforced.at("allowed"));
  EXPECT_EQ(enforced.at("warnings").size(), 1U) << "what would have been denied";
  const json warned = hook.review("/validate/warn", reviews().at("privileged"));
  EXPECT_EQ(warned.at("warnings").size(), 4U) << "the rest";
  EXPECT_EQ(hook.review("/validate", reviews().at("privileged")).at("warnings").size(), 5U);
  EXPECT_FALSE(hook.review("/validate/audit", reviews().at("privileged")).contains("warnings"));
}

TEST(WebhookWithLabels, AsksForNothingThatDoesNotMatter) {
  Hook hook(follow_labels);
  const auto still = changed("privileged", [](json& request) {
    request["namespace"] = "new";
    request["operation"] = "UPDATE";
    request["oldObject"] = request["object"];
    request["oldObject"]["metadata"]["finalizers"] = {"a/b"};
  });
  EXPECT_TRUE(hook.allows("/validate", still)) << "a finalizer goes";
  EXPECT_FALSE(hook.allows("/validate/enforce/restricted", in_namespace("privileged", "new")));
  Hook exempting([](policy::Policy& policy) {
    policy.namespace_labels = true;
    policy.exemptions.namespaces = {"new"};
  });
  EXPECT_TRUE(exempting.allows("/validate", in_namespace("privileged", "new")));
  EXPECT_THAT(hook.fetched, ::testing::IsEmpty());
  EXPECT_THAT(exempting.fetched, ::testing::IsEmpty());
}

TEST(WebhookWithLabels, JudgesByRestrictedUnderALabelThatNamesNothing) {
  Hook hook(follow_labels);
  hook.namespaces().replace({{"odd", labels({{"plimsoll.dev/enforce", "restriced"}})}});
  const json denied = hook.review("/validate", in_namespace("unhardened", "odd"));
  EXPECT_FALSE(denied.at("allowed"));
  EXPECT_THAT(denied.at("warnings").at(0).get<std::string>(),
              AllOf(HasSubstr("restriced"), HasSubstr("until then restricted@v1.37 is enforced")));
  const json good = hook.review("/validate", in_namespace("compliant", "odd"));
  EXPECT_TRUE(good.at("allowed"));
  EXPECT_FALSE(good.at("warnings").empty());
  EXPECT_THAT(good.at("auditAnnotations").at("error").get<std::string>(), HasSubstr("restriced"));
}

// --- exemptions ----------------------------------------------------------------------------------

TEST(Webhook, ExemptsAndSaysSo) {
  Hook hook(
      [](policy::Policy& policy) {
        policy.bindings.push_back(binding(policy.library, Mode::Enforce, "restricted"));
        policy.exemptions.usernames = {"ci"};
        policy.exemptions.runtime_classes = {"kata"};
      },
      DecisionLog::Findings);
  const auto as = [](const char* user) {
    return changed("privileged",
                   [&](json& request) { request["userInfo"] = {{"username", user}}; });
  };
  EXPECT_FALSE(hook.allows("/validate", as("jane")));
  for (const char* route : {"/validate", "/validate/enforce/baseline"}) {
    const json exempt = hook.review(route, as("ci"));
    EXPECT_TRUE(exempt.at("allowed"));
    EXPECT_EQ(exempt.at("auditAnnotations").at("exempt"), "user");
  }
  const json kata = hook.review("/validate", changed("privileged", [](json& request) {
                                  request["object"]["spec"]["runtimeClassName"] = "kata";
                                }));
  EXPECT_EQ(kata.at("auditAnnotations").at("exempt"), "runtimeClass");
  EXPECT_THAT(hook.metrics(), HasSubstr("plimsoll_exempted_reviews_total{reason=\"user\"} 2"));
  EXPECT_THAT(hook.metrics(),
              HasSubstr("plimsoll_exempted_reviews_total{reason=\"runtimeClass\"} 1"));
  const auto log = hook.log();
  ASSERT_EQ(log.size(), 4U);
  EXPECT_EQ(log[1].at("exempt"), "user");
}

// --- writes of namespaces ------------------------------------------------------------------------

std::string namespace_write(const Labels& to, const std::optional<Labels>& from = {}) {
  const auto object = [](const Labels& of) {
    return json{{"apiVersion", "v1"},
                {"kind", "Namespace"},
                {"metadata", {{"name", "shop"}, {"labels", of}}}};
  };
  json request = {{"uid", "u"},
                  {"kind", {{"group", ""}, {"version", "v1"}, {"kind", "Namespace"}}},
                  {"resource", {{"group", ""}, {"version", "v1"}, {"resource", "namespaces"}}},
                  {"name", "shop"},
                  {"namespace", "shop"},
                  {"operation", from ? "UPDATE" : "CREATE"},
                  {"userInfo", {{"username", "jane"}}},
                  {"object", object(to)}};
  if (from) request["oldObject"] = object(*from);
  return json{
      {"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"request", request}}
      .dump();
}

TEST(WebhookOfNamespaces, DeniesALabelThatNamesNothing) {
  Hook hook;  // without the API server too
  const json denied =
      hook.review("/validate", namespace_write({{"plimsoll.dev/enforce", "strict"}}));
  EXPECT_FALSE(denied.at("allowed"));
  const json& status = denied.at("status");
  EXPECT_EQ(status.at("code"), 403);
  EXPECT_THAT(status.at("message").get<std::string>(), HasSubstr("label plimsoll.dev/enforce"));
  EXPECT_EQ(status.at("details").at("causes").at(0).at("reason"), "namespace-label");
  EXPECT_EQ(status.at("details").at("causes").at(0).at("field"),
            "metadata.labels[plimsoll.dev/enforce]");
  EXPECT_TRUE(hook.allows("/validate",
                          namespace_write({{"plimsoll.dev/enforce", "restricted"}}, Labels{})));
}

codec::ListedPod pod_of(const char* name, const char* kind, const char* owner, bool privileged) {
  codec::ListedPod listed;
  listed.name = name;
  listed.owner_kind = kind;
  listed.owner_name = owner;
  Container& container = listed.pod.containers.emplace_back();
  container.name = "app";
  container.path = "/spec/containers/0";
  container.security_context.privileged = privileged;
  return listed;
}

TEST(WebhookOfNamespaces, WarnsOfThePodsThatRun) {
  Hook hook([](policy::Policy& policy) {
    policy.namespace_labels = true;
    policy.exemptions.runtime_classes = {"kata"};
  });
  hook.list = [](const auto& take) -> Result<bool> {
    codec::PodList page;
    page.pods = {pod_of("web-1", "Deployment", "web", true),
                 pod_of("web-2", "Deployment", "web", true), pod_of("good", "Pod", "good", false),
                 pod_of("lone", "Pod", "lone", true)};
    page.pods.push_back(pod_of("done", "Job", "done", true));
    page.pods.back().ended = true;
    page.pods.push_back(pod_of("vm", "Pod", "vm", true));
    page.pods.back().pod.runtime_class = "kata";
    EXPECT_FALSE(take(page));
    return true;
  };
  const auto raise = namespace_write({{"plimsoll.dev/enforce", "baseline"}}, Labels{});
  const json raised = hook.review("/validate", raise);
  EXPECT_TRUE(raised.at("allowed"));
  const json& warnings = raised.at("warnings");
  ASSERT_EQ(warnings.size(), 3U) << warnings;
  EXPECT_THAT(
      warnings[0].get<std::string>(),
      HasSubstr("3 running pods in namespace \"shop\" have more privilege than baseline@v1.37"));
  EXPECT_THAT(warnings[1].get<std::string>(),
              AllOf(HasSubstr("Deployment web (2 pods)"), HasSubstr("[privileged]; set ")));
  EXPECT_THAT(warnings[2].get<std::string>(), HasSubstr("Pod lone:"));

  hook.list = [](const auto& take) -> Result<bool> {
    codec::PodList page;
    for (std::size_t i = 0; i < RunningPods::kMostPods + 1; ++i)
      page.pods.push_back(pod_of("p", "Pod", "p", false));
    EXPECT_FALSE(take(page));
    return true;
  };
  EXPECT_THAT(hook.review("/validate", raise).at("warnings").at(0).get<std::string>(),
              HasSubstr("only the first 3000 running pods"));

  hook.list = [](const auto&) -> Result<bool> {
    Error error;
    error.message = "forbidden";
    return error;
  };
  EXPECT_THAT(hook.review("/validate", raise).at("warnings").at(0).get<std::string>(),
              AllOf(HasSubstr("were not looked at"), HasSubstr("forbidden")));
}

TEST(Webhook, DecidesAlikeOnManyThreads) {
  Hook hook(
      [](policy::Policy& policy) {
        policy.bindings = {binding(policy.library, Mode::Enforce, "baseline"),
                           binding(policy.library, Mode::Warn, "restricted")};
      },
      DecisionLog::Denied);
  std::map<std::string, std::string> alone;
  std::size_t denied = 0;
  for (const auto& [name, body] : reviews()) {
    alone[name] = hook.ask("/validate", body).body;
    if (!json::parse(alone[name]).at("response").at("allowed").get<bool>()) ++denied;
  }
  constexpr std::size_t kThreads = 4, kRounds = 10;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (std::size_t round = 0; round < kRounds; ++round)
        for (const auto& [name, body] : reviews()) {
          if (hook.ask("/validate", body).body != alone.at(name)) ++wrong;
          if (hook.ask("/validate", "not JSON").status != 400) ++wrong;
          if (hook.ask("/validate/warn/x", body).status != 404) ++wrong;
        }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(hook.log().size(), denied * (1 + kThreads * kRounds));
  EXPECT_THAT(hook.metrics(),
              HasSubstr("\nplimsoll_malformed_reviews_total " +
                        std::to_string(kThreads * kRounds * reviews().size()) + "\n"));
}

}  // namespace
}  // namespace plimsoll::app
