// The log: lines of JSON on stderr.
//
// Thread-safety: any thread; nobody waits for whoever reads it.
#pragma once

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace plimsoll::app {

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
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
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

}  // namespace plimsoll::app
