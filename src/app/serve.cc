#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/cluster_link.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/kube_client.h"
#include "app/log.h"
#include "app/prefilter_check.h"
#include "app/self_managed.h"
#include "app/settings.h"
#include "app/version.h"
#include "app/webhook.h"
#include "codec/answer.h"
#include "metrics/registry.h"
#include "server/http_server.h"

namespace plimsoll::app {
namespace {

using std::chrono::milliseconds;

// A connection is a descriptor: take as many as the machine gives.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void add_server_metrics(metrics::Registry& registry, const server::HttpServer& webhook,
                        const server::TlsContext& tls, const Log& log) {
  const auto counter = [&](const char* name, const char* help,
                           std::atomic<std::uint64_t> server::Counts::* member) {
    registry.computed(name, help, "counter",
                      [&webhook, member] { return static_cast<double>(webhook.counts().*member); });
  };
  registry.computed("plimsoll_build_info", "This binary.", "gauge", [] { return 1.0; },
                    {{"version", std::string(kVersion)}});
  registry.computed("plimsoll_connections", "Open connections to the webhook.", "gauge",
                    [&webhook] { return static_cast<double>(webhook.connections()); });
  counter("plimsoll_connections_accepted_total", "Connections taken.", &server::Counts::accepted);
  counter("plimsoll_connections_shed_total",
          "Connections answered with 503: every place was taken.", &server::Counts::shed);
  registry.computed("plimsoll_connections_evicted_total", "Connections ended to make room.",
                    "counter", [&webhook] { return static_cast<double>(webhook.evicted()); });
  counter("plimsoll_handshake_failures_total", "TLS handshakes that failed or took too long.",
          &server::Counts::handshake_failures);
  counter("plimsoll_requests_refused_total", "Requests refused for how they were sent.",
          &server::Counts::refused);
  registry.computed("plimsoll_certificate_expiry_seconds",
                    "When the serving certificate ends, in seconds since 1970.", "gauge",
                    [&tls] { return static_cast<double>(tls.not_after()); });
  registry.computed("plimsoll_log_lines_lost_total", "Log lines that nobody read in time.",
                    "counter", [&log] { return static_cast<double>(log.lost()); });
}

/// What keeps the certificates that the server makes itself; null: it does not.
std::unique_ptr<SelfManaged> keep_certificates(const Settings& settings, kube::Transport* transport,
                                               server::TlsContext& tls, metrics::Registry& registry,
                                               Log& log) {
  if (!settings.self_managed) return nullptr;
  const codec::SelfManagedSpec& spec = *settings.self_managed;
  const auto whole = [](milliseconds time) {
    return std::chrono::ceil<std::chrono::seconds>(time);
  };
  auto kept = std::make_unique<SelfManaged>(
      SelfManagedSettings{.secret_namespace = spec.secret_namespace,
                          .secret_name = spec.secret_name,
                          .webhook_configuration = spec.webhook_configuration,
                          .rules = {.hosts = spec.hosts,
                                    .ca_validity = whole(spec.ca_validity),
                                    .serving_validity = whole(spec.serving_validity)}},
      *transport,
      SelfManagedHooks{.serve =
                           [&tls](const server::KeyPair& pair) {
                             return tls.replace(pair.certificate, pair.key);
                           },
                       .log =
                           [&log](bool problem, const std::string& message) {
                             if (problem)
                               log.error("certificates", {{"problem", message}});
                             else
                               log.info("certificates", {{"done", message}});
                           },
                       .clock = {}});
  kept->add_metrics(registry);
  return kept;
}

/// What looks after the registered prefilter; null: it is not known where to look.
std::unique_ptr<PrefilterCheck> check_prefilter(const Settings& settings,
                                                kube::Transport* transport,
                                                std::shared_ptr<const policy::Policy> policy,
                                                metrics::Registry& registry, Log& log) {
  if (settings.webhook_configuration.empty()) return nullptr;
  auto check = std::make_unique<PrefilterCheck>(
      settings.webhook_configuration, *transport, std::move(policy),
      [&log, name = settings.webhook_configuration](const PrefilterNews& news) {
        nlohmann::ordered_json fields{{"webhookConfiguration", name}};
        if (!news.lines.empty()) fields["differences"] = news.lines;
        if (news.problem)
          log.warn(news.message, std::move(fields));
        else
          log.info(news.message, std::move(fields));
      });
  check->add_metrics(registry);
  return check;
}

/// A line that one thread writes and others read.
class Notice {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// Calls `each` every period on a thread of its own, until it is destroyed.
class Ticker {
 public:
  Ticker(milliseconds period, std::function<void()> each)
      : thread_([this, period, each = std::move(each)](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          while (!wake_.wait_for(lock, stop, period, [&] { return stop.stop_requested(); })) each();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

int wait_for_signal(const sigset_t& signals) {
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

int run(const std::string& config, const codec::Configuration& flags) {
  const auto settings = settle(config, flags);
  if (!settings) return fail(settings.error());
  const auto policy = make_policy(*settings);
  if (!policy) return fail(policy.error());
  const auto tls = server::TlsContext::load(settings->tls);
  if (!tls) return fail(tls.error());

  // Before the first thread, so that all inherit it: signals are only taken by sigwait.
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  raise_descriptor_limit();

  Log log(settings->log_level);
  metrics::Registry registry;
  // Both are in the same order.
  const auto decisions =
      static_cast<DecisionLog>(std::ranges::find(codec::kLogDecisions, settings->log_decisions) -
                               codec::kLogDecisions.begin());
  std::unique_ptr<kube::Transport> transport;
  std::unique_ptr<ClusterLink> link;
  if (settings->namespace_labels || !settings->webhook_configuration.empty()) {
    auto connected = connect(*settings);
    if (!connected) return fail(connected.error());
    transport = std::move(connected.value());
  }
  if (settings->namespace_labels)
    link = std::make_unique<ClusterLink>(*transport, *policy, registry);
  const auto self_managed = keep_certificates(*settings, transport.get(), **tls, registry, log);
  const auto prefilter = check_prefilter(*settings, transport.get(), *policy, registry, log);
  Webhook webhook(*policy, link ? link->cluster() : Cluster{}, registry, decisions,
                  [&log](std::string_view line) { log.line(spdlog::level::info, line); });
  server::HttpServer https(tls->get(), settings->limits, codec::encode_error);
  const auto answer = [&webhook](const server::Request& request) {
    return webhook.answer(request);
  };
  https.post("/validate", answer);
  https.post("/validate/*", answer);

  add_server_metrics(registry, https, **tls, log);
  auto& reloaded = registry.counter("plimsoll_certificate_reloads_total", "Certificate reloads.",
                                    {{"result", "taken"}});
  auto& reload_failed = registry.counter("plimsoll_certificate_reloads_total",
                                         "Certificate reloads.", {{"result", "failed"}});
  metrics::add_process_metrics(registry);

  std::atomic<bool> ready{false};
  Notice reload_problem;
  server::Limits management_limits;
  management_limits.max_connections = 64;
  management_limits.idle = std::chrono::seconds(60);
  management_limits.request = std::chrono::seconds(2);  // nobody may keep the probes out
  server::HttpServer management(nullptr, management_limits, codec::encode_error);
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  management.get("/livez",
                 [&](const server::Request&) { return server::Response{200, "ok\n", kText}; });
  management.get("/readyz", [&](const server::Request&) {
    if (!ready.load()) return server::Response{503, "shutting down\n", kText};
    if (link && !link->synced())
      return server::Response{
          503, fmt::format("the namespaces are not known yet: {}\n", link->trouble()), kText};
    const SelfManagedStatus kept = self_managed ? self_managed->status() : SelfManagedStatus{};
    if (self_managed && !kept.ready) return server::Response{503, kept.detail, kText};
    std::string detail = reload_problem.text() + kept.detail;
    if (const auto trouble = link ? link->trouble() : ""; !trouble.empty())
      detail += fmt::format("namespaces are as they were: {}\n", trouble);
    if (prefilter) detail += prefilter->detail();
    return server::Response{200, "ok\n" + detail, kText};
  });
  management.get("/metrics", [&](const server::Request&) {
    return server::Response{200, registry.render(), "text/plain; version=0.0.4; charset=utf-8"};
  });

  if (auto error = https.bind(settings->listen)) {
    error->field = "--listen";
    return fail(*error);
  }
  if (auto error = management.bind(settings->management)) {
    error->field = "--management";
    return fail(*error);
  }
  std::thread https_thread([&] { https.run(); });
  std::thread management_thread([&] { management.run(); });

  {
    const Ticker certificates(std::chrono::seconds(1), [&] {
      Error error;
      switch ((*tls)->reload(error)) {
        case server::TlsContext::Reload::Unchanged:
          break;
        case server::TlsContext::Reload::Reloaded:
          reloaded.add();
          reload_problem.set("");
          log.info("certificate reloaded", {{"notAfter", (*tls)->not_after()}});
          break;
        case server::TlsContext::Reload::Failed:
          reload_failed.add();
          reload_problem.set(fmt::format("certificate not reloaded: {}\n", error.to_string()));
          log.error("certificate not reloaded; the old one goes on serving",
                    {{"error", error.to_string()}});
          break;
      }
    });
    std::jthread rotation;
    if (self_managed)
      rotation = std::jthread([&](const std::stop_token& stop) { self_managed->run(stop); });
    std::jthread registration;
    if (prefilter)
      registration = std::jthread([&](const std::stop_token& stop) { prefilter->run(stop); });
    std::string said;  // of the API server
    const Ticker cluster(std::chrono::seconds(1), [&] {
      const std::string trouble = link ? link->trouble() : "";
      if (std::exchange(said, trouble) == trouble) return;
      if (trouble.empty())
        log.info("the API server answers again");
      else
        log.warn("the namespaces cannot be watched; what is known of them goes on deciding",
                 {{"error", trouble}});
    });
    ready.store(true);
    log.info("listening", {{"address", https.address()},
                           {"management", management.address()},
                           {"version", kVersion},
                           {"bindings", (*policy)->bindings.size()},
                           {"dryRun", settings->dry_run},
                           {"clientCertificates", !settings->tls.client_ca.empty()}});
    if (!self_managed && (*tls)->not_after() < std::time(nullptr))
      log.warn("the serving certificate has expired; clients will refuse it");
    if ((*policy)->bindings.empty() && !settings->namespace_labels)
      log.warn("no binding is configured: POST /validate allows everything; "
               "/validate/{mode}/{template} works without");

    int signal = wait_for_signal(signals);
    while (signal == SIGHUP) signal = wait_for_signal(signals);  // files are watched anyway

    // Unready first, so that nobody new is sent here; those who still come are served.
    ready.store(false);
    rotation.request_stop();  // whoever stays does it
    registration.request_stop();
    https.start_closing();
    // A person at a terminal is not kept waiting for load balancers.
    const milliseconds delay = signal == SIGINT ? milliseconds(0) : settings->drain_delay;
    log.info("shutting down", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"},
                               {"delayMilliseconds", delay.count()}});
    const timespec wait{delay.count() / 1000, (delay.count() % 1000) * 1'000'000};
    sigset_t to_end = signals;
    sigdelset(&to_end, SIGHUP);
    sigtimedwait(&to_end, nullptr, &wait);  // a second signal ends the wait
    https.drain(settings->drain_timeout);
    https_thread.join();
    management.drain(std::chrono::seconds(1));
    management_thread.join();
  }
  // After those above, who look at it, and before the webhook, which whoever still waits for the
  // API server answers by.
  link.reset();
  log.info("stopped");
  // The log's thread may hang in a pipe that nobody reads: that must not keep the process.
  if (!log.finish()) std::_Exit(kPassed);
  return kPassed;
}

CLI::Validator one_of(std::span<const std::string_view> words) {
  return CLI::Validator(
      [words](const std::string& word) {
        return std::ranges::find(words, word) != words.end()
                   ? std::string()
                   : fmt::format("\"{}\" is not known; use {}", word, fmt::join(words, ", "));
      },
      "");
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto flags = std::make_shared<codec::Configuration>();
  auto config = std::make_shared<std::string>();
  auto* const command = app.add_subcommand("serve", "Run the webhook");
  command->add_option("--config", *config, "YAML file with bindings and any of these settings");
  command->add_option("--kubeconfig", flags->kubeconfig,
                      "How to reach the API server from outside a cluster [the pod's account]");
  command
      ->add_flag_function(
          "--namespace-labels", [flags](std::int64_t yes) { flags->namespace_labels = yes > 0; },
          "Follow the plimsoll.dev/* labels of namespaces; needs the API server")
      ->check(CLI::IsMember({"true", "false"}));
  command->add_option("--listen", flags->listen, "HOST:PORT of the webhook [0.0.0.0:8443]");
  command->add_option("--management", flags->management,
                      "HOST:PORT of /livez, /readyz and /metrics [0.0.0.0:8080]");
  command->add_option("--tls-cert", flags->tls_cert,
                      "Serving certificate and chain, PEM; reloaded");
  command->add_option("--tls-key", flags->tls_key, "Its key, PEM; reloaded");
  command->add_option("--client-ca", flags->client_ca,
                      "Take only clients with a certificate of this CA, PEM; reloaded");
  command
      ->add_flag_function(
          "--dry-run", [flags](std::int64_t yes) { flags->dry_run = yes > 0; },
          "Deny nothing: warn, annotate, count and log what would have been denied")
      ->check(CLI::IsMember({"true", "false"}));
  const auto bind = [flags](const std::string& text) {
    auto binding = codec::parse_binding(text);
    if (!binding) throw CLI::ValidationError(binding.error().to_string());
    flags->bindings.push_back(*std::move(binding));
  };
  command
      ->add_option_function<std::vector<std::string>>(
          "--bind",
          [bind](const std::vector<std::string>& texts) {
            for (const auto& text : texts) bind(text);
          },
          "Binding of /validate: MODE=TEMPLATE[@VERSION][,namespaces=GLOB|GLOB]"
          "[,excludeNamespaces=GLOB|GLOB][,workloads=enforce][,updates=ratchet]; repeatable")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--templates", flags->templates, "File with SecurityTemplates; repeatable")
      ->allow_extra_args(false);
  command->add_option("--max-body-bytes", flags->max_body_bytes, "Largest review [8388608]")
      ->check(CLI::Range(codec::kMinBodyBytes, codec::kMaxBodyBytes));
  command->add_option("--max-connections", flags->max_connections, "Most connections [512]")
      ->check(CLI::Range(std::int64_t{1}, codec::kMaxConnections));
  const auto duration = [&](const char* name,
                            std::optional<milliseconds> codec::Configuration::* to, bool positive,
                            const char* help) {
    command->add_option_function<std::string>(
        name,
        [flags, to, name, positive](const std::string& text) {
          const auto value = codec::parse_duration(text);
          if (!value)
            throw CLI::ValidationError(fmt::format(
                "{}: \"{}\" is not a duration such as 250ms, 5s, 2m or 24h", name, text));
          if (positive && value->count() == 0)
            throw CLI::ValidationError(fmt::format("{}: must be more than zero", name));
          (*flags).*to = *value;
        },
        help);
  };
  using C = codec::Configuration;
  duration("--handshake-timeout", &C::handshake_timeout, true, "For the TLS handshake [5s]");
  duration("--idle-timeout", &C::idle_timeout, true, "Of a connection between requests [120s]");
  duration("--request-timeout", &C::request_timeout, true,
           "From a request's first byte to its answer [10s]");
  duration("--drain-delay", &C::drain_delay, false,
           "After SIGTERM, how long to go on serving while unready [5s]");
  duration("--drain-timeout", &C::drain_timeout, false,
           "Then, how long to wait for requests under way [15s]");
  command->add_option("--log-level", flags->log_level, "debug, info, warn or error [info]")
      ->check(one_of(codec::kLogLevels));
  command
      ->add_option("--log-decisions", flags->log_decisions,
                   "Log a line for each review: none, denied, findings or all [none]")
      ->check(one_of(codec::kLogDecisions));
  command->callback(
      [&action, flags, config] { action = [flags, config] { return run(*config, *flags); }; });
}

}  // namespace plimsoll::app
