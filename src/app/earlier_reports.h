// JSON reports of before, for a trend.
//
// Thread-safety: stateless.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "plimsoll/report.h"
#include "plimsoll/result.h"

namespace plimsoll::app {

/// `2026-11-26T20:15:00Z`, in UTC.
std::string rfc3339(std::chrono::system_clock::time_point time);

/// Of these files, sorted by when the reports were made. One that does not say it, for it is older,
/// was made when its file was last written. Errors: a file that cannot be read, or is no report of
/// ours. One that was held to another template than `template_ref` is noted on standard error.
Result<std::vector<EarlierReport>> read_earlier_reports(const std::vector<std::string>& files,
                                                        const std::string& template_ref);

}  // namespace plimsoll::app
