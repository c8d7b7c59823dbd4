// What several formats say in the same words.
//
// Thread-safety: pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/report.h"

namespace plimsoll::report {

/// `1 finding`, `2 findings`.
std::string plural(std::size_t count, std::string_view noun);

/// Any text as one line of valid UTF-8 in which nothing is hidden: see verdict::printable.
std::string shown(std::string_view text);

/// The same of a line of a manifest, in which a tab stays a tab.
std::string shown_code(std::string_view line);

/// `Deployment shop/web`; `document` for what has no kind. Shown.
std::string title_of(const Resource& resource);

/// `web.yaml:17:15`, leaving out what is 0; empty without a file. Shown.
std::string place_of(const Source& source, std::size_t line, std::size_t column);

/// The file as a path without `./` and `x/..`, byte for byte; `<stdin>` for standard input.
std::string path_of(const Source& source);

/// `4 resources against restricted@v1.37: 1 passed, 1 failed, 1 error; 1 finding, 2 accepted`.
std::string sum_of(const ReportHead& head, const Summary& summary);

/// `first seen` for `firstSeen`.
std::string name_of(const Fact& fact);

/// Its value, shown.
std::string value_of(const Fact& fact);

/// ` (pods: 3, first seen: ...)`; empty without facts.
std::string facts_of(const Resource& resource);

/// `privileged, critical`, and who asks for it where not the whole report does: `, warn by
/// restricted@v1.37`.
std::string tag_of(const ReportedFinding& finding);

/// The parts of a dotted number in their order, so that 5.9 is before 5.10.
std::vector<std::size_t> section_order(std::string_view section);

/// Whether there is a change that mends it, so that nobody has to decide.
inline bool is_mendable(const ReportedFinding& finding) { return finding.patch != "[]"; }

/// The findings by where they are.
std::vector<const ReportedFinding*> by_place(const Resource& resource);

/// The line of that number (1-based), if the excerpt has it.
std::optional<std::string_view> line_of(const Excerpt& excerpt, std::size_t line);

/// A column in bytes as one in units of UTF-16; nothing: the line that it takes is not to be seen.
std::optional<std::size_t> utf16_column(const Excerpt& excerpt, std::size_t line,
                                        std::size_t column);

}  // namespace plimsoll::report
