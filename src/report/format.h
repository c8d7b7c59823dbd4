// The report formats, one file each.
//
// Thread-safety: pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "plimsoll/report.h"

namespace plimsoll::report {

struct Style {
  bool colour = false;
};

struct Format {
  std::string_view name;
  std::string (*write)(const Report&, const Style&);
};

std::string write_text(const Report& report, const Style& style);
std::string write_json(const Report& report, const Style& style);

/// Every format, by name.
std::span<const Format> formats();

}  // namespace plimsoll::report
