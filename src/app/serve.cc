#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
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

#include "app/commands.h"
#include "app/console.h"
#include "app/templates_of.h"
#include "app/version.h"
#include "app/webhook.h"
#include "codec/answer.h"
#include "codec/files.h"
#include "metrics/registry.h"
#include "server/http_server.h"
#include "server/tls.h"

namespace plimsoll::app {
namespace {

using std::chrono::milliseconds;

struct Settings {
  std::string listen = "0.0.0.0:8443", management = "0.0.0.0:8080";
  server::TlsFiles tls;
  server::Limits limits;
  milliseconds drain_delay{5'000}, drain_timeout{15'000};
  bool dry_run = false;
  std::string log_level = "info", log_decisions = "none";
  std::vector<std::string> templates;
  std::vector<codec::BindingSpec> bindings;
};

Error setting_error(std::string field, std::string message, std::string remedy = "") {
  Error error;
  error.field = std::move(field);
  error.message = std::move(message);
  error.remedy = std::move(remedy);
  return error;
}

// What both the file and the flags say, laid over the settings.
void lay_over(Settings& settings, const codec::Configuration& said) {
  const auto take = [](auto& to, const auto& from) {
    if (from) to = std::remove_reference_t<decltype(to)>(*from);
  };
  take(settings.listen, said.listen);
  take(settings.management, said.management);
  take(settings.tls.certificate, said.tls_cert);
  take(settings.tls.key, said.tls_key);
  take(settings.tls.client_ca, said.client_ca);
  take(settings.dry_run, said.dry_run);
  take(settings.limits.max_body, said.max_body_bytes);
  take(settings.limits.max_connections, said.max_connections);
  take(settings.limits.handshake, said.handshake_timeout);
  take(settings.limits.idle, said.idle_timeout);
  take(settings.limits.request, said.request_timeout);
  take(settings.drain_delay, said.drain_delay);
  take(settings.drain_timeout, said.drain_timeout);
  take(settings.log_level, said.log_level);
  take(settings.log_decisions, said.log_decisions);
  for (const auto& file : said.templates) settings.templates.push_back(file);
  for (const auto& binding : said.bindings) settings.bindings.push_back(binding);
}

/// The settings: defaults, then the file, then the flags.
Result<Settings> settle(const std::string& config, const codec::Configuration& flags) {
  Settings settings;
  if (!config.empty()) {
    const auto text = read_file(config);
    if (!text) return text.error();
    auto file = codec::read_configuration(*text, config);
    if (!file) return file.error();
    // Paths of a file are relative to it.
    const auto slash = config.rfind('/');
    for (std::size_t i = 0; i < file->templates.size(); ++i) {
      std::string& name = file->templates[i];
      if (!name.starts_with('/') && slash != std::string::npos)
        name = config.substr(0, slash + 1) + name;
      const auto there = read_file(name);
      if (there) continue;
      Error error = setting_error(fmt::format("templates[{}]", i), there.error().to_string());
      error.file = config;
      error.line = file->template_lines[i];
      return error;
    }
    lay_over(settings, *file);
  }
  lay_over(settings, flags);
  if (settings.tls.certificate.empty())
    return setting_error("--tls-cert", "is missing", "`plimsoll certs DIR --host NAME` makes one");
  if (settings.tls.key.empty())
    return setting_error("--tls-key", "is missing", "`plimsoll certs DIR --host NAME` makes one");
  return settings;
}

Result<std::shared_ptr<const Policy>> make_policy(const Settings& settings) {
  auto library = load_library(settings.templates);
  if (!library) return library.error();
  auto policy = std::make_shared<Policy>();
  policy->library = *std::move(library);
  policy->dry_run = settings.dry_run;
  for (const auto& spec : settings.bindings) {
    Binding& binding = policy->bindings.emplace_back();
    binding.mode = spec.mode;
    binding.enforce_workloads = spec.enforce_workloads;
    binding.namespaces = spec.namespaces;
    binding.exclude_namespaces = spec.exclude_namespaces;
    binding.policy = policy->library.find(spec.policy);
    if (binding.policy) continue;
    Error error =
        setting_error(spec.field, fmt::format("there is no template \"{}\"", spec.policy.name),
                      fmt::format("use one of {}", fmt::join(policy->library.names(), ", ")));
    error.file = spec.file;
    error.line = spec.line;
    return error;
  }
  return std::shared_ptr<const Policy>(std::move(policy));
}

/// Lines of JSON on stderr. A reader that does not keep up loses the oldest lines: a decision does
/// not wait for a log.
class Log {
 public:
  explicit Log(const std::string& level) {
    constexpr std::size_t kLines = 1024;
    pool_ = std::make_shared<spdlog::details::thread_pool>(kLines, 1);
    logger_ = std::make_shared<spdlog::async_logger>(
        "plimsoll", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool_,
        spdlog::async_overflow_policy::overrun_oldest);
    // The message is an object without its first brace.
    logger_->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)",
                         spdlog::pattern_time_type::utc);
    logger_->set_level(spdlog::level::from_str(level));
    logger_->flush_on(spdlog::level::info);
  }

  void write(spdlog::level::level_enum level, const nlohmann::ordered_json& fields) {
    line(level, fields.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  void line(spdlog::level::level_enum level, std::string_view object) {
    object.remove_prefix(1);
    logger_->log(level, spdlog::string_view_t(object.data(), object.size()));
  }
  void info(std::string_view message, nlohmann::ordered_json fields = {}) {
    say(spdlog::level::info, message, std::move(fields));
  }
  void warn(std::string_view message, nlohmann::ordered_json fields = {}) {
    say(spdlog::level::warn, message, std::move(fields));
  }
  void error(std::string_view message, nlohmann::ordered_json fields = {}) {
    say(spdlog::level::err, message, std::move(fields));
  }
  [[nodiscard]] std::size_t lost() const { return pool_->overrun_counter(); }

  /// Waits a moment for the lines that are not written yet; false: nobody reads them.
  [[nodiscard]] bool finish() {
    for (int i = 0; i < 100 && pool_->queue_size() > 0; ++i)
      std::this_thread::sleep_for(milliseconds(10));
    return pool_->queue_size() == 0;
  }

 private:
  void say(spdlog::level::level_enum level, std::string_view message,
           nlohmann::ordered_json fields) {
    nlohmann::ordered_json all{{"msg", message}};
    for (auto& [key, value] : fields.items()) all[key] = std::move(value);
    write(level, all);
  }

  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

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
  Webhook webhook(*policy, registry, decisions,
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
    return server::Response{200, "ok\n" + reload_problem.text(), kText};
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
    ready.store(true);
    log.info("listening", {{"address", https.address()},
                           {"management", management.address()},
                           {"version", kVersion},
                           {"bindings", (*policy)->bindings.size()},
                           {"dryRun", settings->dry_run},
                           {"clientCertificates", !settings->tls.client_ca.empty()}});
    if ((*tls)->not_after() < std::time(nullptr))
      log.warn("the serving certificate has expired; clients will refuse it");
    if ((*policy)->bindings.empty())
      log.warn("no binding is configured: POST /validate allows everything; "
               "/validate/{mode}/{template} works without");

    int signal = wait_for_signal(signals);
    while (signal == SIGHUP) signal = wait_for_signal(signals);  // files are watched anyway

    // Unready first, so that nobody new is sent here; those who still come are served.
    ready.store(false);
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
          "[,excludeNamespaces=GLOB|GLOB][,workloads=enforce]; repeatable")
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
            throw CLI::ValidationError(
                fmt::format("{}: \"{}\" is not a duration such as 250ms, 5s or 2m", name, text));
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
