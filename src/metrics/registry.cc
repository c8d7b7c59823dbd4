#include "metrics/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace plimsoll::metrics {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string to_text(const Labels& labels) {
  if (labels.empty()) return "";
  std::string text = "{";
  for (const auto& [name, value] : labels)
    text += fmt::format("{}{}=\"{}\"", text.size() > 1 ? "," : "", name, escaped(value));
  return text + "}";
}

}  // namespace

void Histogram::observe(double seconds) {
  const auto at = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  buckets_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(seconds * 1e9), std::memory_order_relaxed);
}

// The lines of one name stand together, whenever they were added.
void Registry::add(Entry entry) {
  const auto same = std::find_if(entries_.rbegin(), entries_.rend(),
                                 [&](const Entry& e) { return e.name == entry.name; });
  entries_.insert(same == entries_.rend() ? entries_.end() : same.base(), std::move(entry));
}

Counter& Registry::counter(std::string name, std::string help, Labels labels) {
  Counter& counter = counters_.emplace_back();
  add({std::move(name), std::move(help), "counter", to_text(labels),
       [&counter](const Entry& e, std::string& out) {
         fmt::format_to(std::back_inserter(out), "{}{} {}\n", e.name, e.labels, counter.value());
       }});
  return counter;
}

Gauge& Registry::gauge(std::string name, std::string help, Labels labels) {
  Gauge& gauge = gauges_.emplace_back();
  add({std::move(name), std::move(help), "gauge", to_text(labels),
       [&gauge](const Entry& e, std::string& out) {
         fmt::format_to(std::back_inserter(out), "{}{} {}\n", e.name, e.labels, gauge.value());
       }});
  return gauge;
}

Histogram& Registry::histogram(std::string name, std::string help) {
  Histogram& histogram = histograms_.emplace_back();
  add({std::move(name), std::move(help), "histogram", "",
       [&histogram](const Entry& e, std::string& out) {
         std::uint64_t count = 0;
         for (std::size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
           count += histogram.buckets_[i].load(std::memory_order_relaxed);
           const std::string bound =
               i < Histogram::kBounds.size() ? fmt::format("{}", Histogram::kBounds[i]) : "+Inf";
           fmt::format_to(std::back_inserter(out), "{}_bucket{{le=\"{}\"}} {}\n", e.name, bound,
                          count);
         }
         fmt::format_to(
             std::back_inserter(out), "{0}_sum {1}\n{0}_count {2}\n", e.name,
             static_cast<double>(histogram.nanoseconds_.load(std::memory_order_relaxed)) * 1e-9,
             count);
       }});
  return histogram;
}

void Registry::computed(std::string name, std::string help, std::string type,
                        std::function<double()> value, Labels labels) {
  add({std::move(name), std::move(help), std::move(type), to_text(labels),
       [value = std::move(value)](const Entry& e, std::string& out) {
         fmt::format_to(std::back_inserter(out), "{}{} {}\n", e.name, e.labels, value());
       }});
}

std::string Registry::render() const {
  std::string out;
  const Entry* before = nullptr;
  for (const Entry& entry : entries_) {
    if (before == nullptr || before->name != entry.name)
      fmt::format_to(std::back_inserter(out), "# HELP {0} {1}\n# TYPE {0} {2}\n", entry.name,
                     entry.help, entry.type);
    entry.append(entry, out);
    before = &entry;
  }
  return out;
}

}  // namespace plimsoll::metrics
