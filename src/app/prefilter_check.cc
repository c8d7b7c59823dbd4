#include "app/prefilter_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "kube/objects.h"

namespace plimsoll::app {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPeriod = std::chrono::seconds(60);
constexpr milliseconds kFirstPause = std::chrono::seconds(1);  // after a failure, then doubled
constexpr std::size_t kMaxBody = 16UL * 1024 * 1024;  // etcd holds 1.5 MiB, written as JSON

}  // namespace

PrefilterCheck::PrefilterCheck(std::string name, kube::Transport& transport,
                               std::shared_ptr<const policy::Policy> policy,
                               std::function<void(const PrefilterNews&)> log)
    : name_(std::move(name)),
      transport_(transport),
      policy_(std::move(policy)),
      log_(std::move(log)) {}

std::string PrefilterCheck::detail() const {
  const std::lock_guard lock(mutex_);
  return state_.detail;
}

double PrefilterCheck::asked(double (*of)(const Comparison&)) const {
  const std::lock_guard lock(mutex_);
  return state_.comparison ? of(*state_.comparison) : -1;
}

void PrefilterCheck::add_metrics(metrics::Registry& registry) const {
  registry.computed(
      "plimsoll_prefilter_differences",
      "What differs between the registered prefilter and this server's; -1: not known.", "gauge",
      [this] {
        return asked(
            [](const Comparison& known) { return static_cast<double>(known.differences.size()); });
      });
  constexpr const char* kEntries = "plimsoll_prefilter_entries";
  constexpr const char* kHelp =
      "Entries of the registration about pods or workloads, by whether they have a prefilter; -1: "
      "not known.";
  registry.computed(kEntries, kHelp, "gauge",
                    [this] {
                      return asked([](const Comparison& known) {
                        return static_cast<double>(known.prefiltered);
                      });
                    },
                    {{"prefilter", "true"}});
  registry.computed(kEntries, kHelp, "gauge",
                    [this] {
                      return asked([](const Comparison& known) {
                        return static_cast<double>(known.entries - known.prefiltered);
                      });
                    },
                    {{"prefilter", "false"}});
  registry.computed("plimsoll_prefilter_check_errors_total",
                    "Times that the registration could not be read.", "counter", [this] {
                      const std::lock_guard lock(mutex_);
                      return static_cast<double>(state_.errors);
                    });
}

Result<Comparison> PrefilterCheck::look(const std::stop_token& stop) {
  const kube::Request request{.path = kube::path_of("admissionregistration.k8s.io", "v1",
                                                    "validatingwebhookconfigurations", "", name_)};
  const auto response = kube::send_until(transport_, request, stop, kMaxBody);
  if (!response) return response.error();
  if (response->status != 200) return kube::api_error(request, *response);
  auto registration = read_registration(response->body);
  if (!registration) {
    Error error = registration.error();
    error.file = fmt::format("{} {}", kRegistrationKind, name_);
    return error;
  }
  return compare_prefilter(*registration, policy_->library, &policy_->bindings);
}

void PrefilterCheck::found(Comparison comparison) {
  const bool known_again = !std::exchange(said_error_, "").empty();
  const bool changed = said_ != comparison.differences;
  const auto& differences = comparison.differences;
  if (!differences.empty() && (changed || known_again)) {
    PrefilterNews news{.problem = true,
                       .message = "the registered prefilter is not what this server would write; "
                                  "pods may pass that it would refuse",
                       .lines = {}};
    for (const Difference& difference : differences) news.lines.push_back(difference.line());
    log_(news);
  } else if (changed || known_again) {
    log_({.problem = false,
          .message = "the registered prefilter is what this server would write",
          .lines = {}});
  }
  said_ = differences;
  std::string detail;
  if (!differences.empty())
    detail = fmt::format("prefilter: {} difference{}; first: {}\n", differences.size(),
                         differences.size() == 1 ? "" : "s", differences.front().line());
  const std::lock_guard lock(mutex_);
  state_.detail = std::move(detail);
  state_.comparison = std::move(comparison);
}

void PrefilterCheck::failed(const std::string& error) {
  if (said_error_ != error)
    log_({.problem = true,
          .message = "the registered prefilter is not known: " + error,
          .lines = {}});
  said_error_ = error;
  const std::lock_guard lock(mutex_);
  state_.detail = fmt::format("prefilter: not known: {}\n", error);
  state_.comparison.reset();
  ++state_.errors;
}

milliseconds PrefilterCheck::round(const std::stop_token& stop) {
  auto comparison = look(stop);
  milliseconds pause = kPeriod;
  if (comparison) {
    failures_ = 0;
    found(*std::move(comparison));
  } else if (!stop.stop_requested()) {
    pause = std::min(kPeriod, kFirstPause * (1 << std::min(failures_++, 10U)));
    failed(comparison.error().to_string());
  }
  // Replicas that were started together do not ask together.
  std::uniform_real_distribution<double> factor(0.8, 1.2);
  return std::chrono::duration_cast<milliseconds>(pause * factor(random_));
}

void PrefilterCheck::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) wake.wait_for(lock, stop, round(stop), [] { return false; });
}

}  // namespace plimsoll::app
