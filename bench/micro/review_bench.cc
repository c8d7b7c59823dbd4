// From a review's bytes to its answer's, without a socket: what a decision itself costs.
//
// The reviews are nine pod creations as kube-apiserver 1.37 sent them (mean 4.4 KB); an iteration
// is one review, each in its turn.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "app/console.h"
#include "app/templates_of.h"
#include "app/webhook.h"

namespace plimsoll {
namespace {

const std::vector<std::string>& reviews() {
  static const std::vector<std::string> kReviews = [] {
    std::vector<std::string> paths, bodies;
    for (const auto& entry : std::filesystem::directory_iterator(PLIMSOLL_REVIEWS))
      paths.push_back(entry.path().string());
    std::ranges::sort(paths);
    for (const auto& path : paths) bodies.push_back(app::read_file(path).value());
    return bodies;
  }();
  return kReviews;
}

struct Fixture {
  Fixture() {
    auto library = app::load_library({});
    policy->library = *std::move(library);
  }
  std::shared_ptr<policy::Policy> policy = std::make_shared<policy::Policy>();
  metrics::Registry registry;
  app::Webhook webhook{policy, {}, registry, app::DecisionLog::None, [](std::string_view) {}};
};

void review(benchmark::State& state, const std::string& path) {
  Fixture fixture;
  std::size_t bytes = 0, next = 0;
  for (auto _ : state) {
    const std::string& body = reviews()[next];
    next = (next + 1) % reviews().size();
    bytes += body.size();
    const auto reply = fixture.webhook.answer({.path = path, .query = "", .body = body});
    const auto* const response = std::get_if<server::Response>(&reply);
    if (response == nullptr || response->status != 200) {
      state.SkipWithError("a review was not answered");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

BENCHMARK_CAPTURE(review, privileged, "/validate/enforce/privileged");
BENCHMARK_CAPTURE(review, baseline, "/validate/enforce/baseline");
BENCHMARK_CAPTURE(review, restricted, "/validate/enforce/restricted");
BENCHMARK_CAPTURE(review, least_privilege, "/validate/enforce/least-privilege");
BENCHMARK_CAPTURE(review, warn_restricted, "/validate/warn/restricted");

}  // namespace
}  // namespace plimsoll
