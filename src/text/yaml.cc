#include "text/yaml.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <yaml.h>

#include <algorithm>
#include <array>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>
#include <unordered_map>
#include <utility>

#include "plimsoll/pointer.h"
#include "text/base64.h"
#include "text/json_text.h"
#include "text/utf8.h"

namespace plimsoll::text {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

// How much more than what is written aliases may make of a document: honest manifests repeat a few
// blocks, a bomb repeats blocks of blocks.
constexpr std::size_t kAliasFloor = 100'000;
constexpr std::size_t kAliasRatio = 4;
constexpr std::size_t kMostDirectives = 100;
constexpr std::size_t kJsonFloor = std::size_t{16} << 20;
constexpr std::size_t kJsonRatio = 8;

// ---------------------------------------------------------------------------------------------
// Text

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// UTF-8 from UTF-16 without its byte order mark; empty where it is not valid.
std::optional<std::string> from_utf16(std::string_view text, bool big_endian) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  const auto unit = [&](std::size_t i) -> std::uint32_t {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto second = static_cast<unsigned char>(text[i + 1]);
    return big_endian ? (std::uint32_t{first} << 8 | second) : (std::uint32_t{second} << 8 | first);
  };
  for (std::size_t i = 0; i < text.size(); i += 2) {
    std::uint32_t c = unit(i);
    if (c >= 0xDC00 && c <= 0xDFFF) return std::nullopt;
    if (c >= 0xD800 && c <= 0xDBFF) {
      if (i + 2 >= text.size()) return std::nullopt;
      const std::uint32_t low = unit(i + 2);
      if (low < 0xDC00 || low > 0xDFFF) return std::nullopt;
      c = 0x10000 + ((c & 0x3FF) << 10) + (low & 0x3FF);
      i += 2;
    }
    append_utf8(out, c);
  }
  return out;
}

/// A value for a message: short, on one line.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMost = 40;
  std::string shown(text.substr(0, kMost));
  while (!shown.empty() && !simdjson::validate_utf8(shown)) shown.pop_back();
  if (shown.size() < text.size()) shown += "...";
  std::string out;
  append_string(out, shown);
  return out;
}

/// Appends a key to a field's path; one that is long or odd is quoted and cut.
void append_field(std::string& field, std::string_view key) {
  constexpr std::size_t kMost = 64;
  const bool plain =
      !key.empty() && key.size() <= kMost && std::all_of(key.begin(), key.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != 0x7F;
      });
  if (!plain) {
    field += '[' + quoted(key) + ']';
    return;
  }
  if (!field.empty()) field += '.';
  field += key;
}

// ---------------------------------------------------------------------------------------------
// Scalars: what kubectl's YAML library resolves them to

enum class Type : std::uint8_t { kNull, kBool, kInt, kUint, kFloat, kNonFinite, kString };

/// A resolved scalar. `text`: a string's own text; otherwise the JSON literal.
struct Scalar {
  Type type = Type::kString;
  std::string text;
};

/// Go's strconv.ParseFloat on a decimal number: empty where it overflows.
std::optional<double> parse_double(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (!std::isfinite(value)) return std::nullopt;
    return value;
  }
  if (error != std::errc::result_out_of_range) return std::nullopt;
  // Too large or too small: told apart by where the first digit that counts stands.
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t e = text.find_first_of("eE");
  const std::string_view digits = text.substr(0, e);
  const std::size_t dot = std::min(digits.find('.'), digits.size());
  const std::size_t first = digits.find_first_of("123456789");
  if (first == std::string_view::npos) return negative ? -0.0 : 0.0;
  if (e != std::string_view::npos) {
    if (text.substr(e + 1).starts_with('-')) return negative ? -0.0 : 0.0;
    return std::nullopt;
  }
  if (first > dot) return negative ? -0.0 : 0.0;
  return std::nullopt;
}

/// As Go's encoding/json writes it, but an integer beyond 64 bits keeps an exponent, because JSON
/// readers that know integers from other numbers would refuse it.
std::string format_double(double value) {
  std::array<char, 64> buffer;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::scientific);
  std::string text(buffer.data(), result.ptr);
  const double size = std::abs(value);
  const double beyond_integer = value < 0 ? 0x1p63 : 0x1p64;
  const bool whole = std::trunc(value) == value;
  if (size != 0 && (size < 1e-6 || size >= 1e21 || (whole && size >= beyond_integer))) {
    const std::size_t n = text.size();
    if (n >= 4 && text[n - 4] == 'e' && text[n - 3] == '-' && text[n - 2] == '0')
      text.erase(n - 2, 1);
    return text;
  }
  // The shortest digits that read back as the same number, padded with zeros.
  const std::size_t e = text.find('e');
  int exponent = 0;
  const char* exponent_text = text.data() + e + 1;
  if (*exponent_text == '+') ++exponent_text;
  std::from_chars(exponent_text, text.data() + text.size(), exponent);
  std::string digits;
  for (std::size_t i = 0; i < e; ++i)
    if (is_digit(text[i])) digits += text[i];
  std::string out = text.starts_with('-') ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < 0) {
    out += "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  } else if (exponent + 1 >= count) {
    out += digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0');
  } else {
    const auto point = static_cast<std::size_t>(exponent) + 1;
    out += digits.substr(0, point) + "." + digits.substr(point);
  }
  return out;
}

/// A number with a fraction as a key: Go's FormatFloat(value, 'g', -1, 32).
std::string format_float_key(double value) {
  constexpr double kBeyondFloat = 0x1.ffffffp127;  // rounds to infinity from here on
  if (std::abs(value) >= kBeyondFloat) return value < 0 ? "-.inf" : ".inf";
  const auto narrow = static_cast<float>(value);
  std::array<char, 64> buffer;
  const auto write = [&](std::chars_format format) {
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), narrow, format);
    return std::string(buffer.data(), result.ptr);
  };
  const std::string scientific = write(std::chars_format::scientific);
  const std::size_t e = scientific.find('e');
  int exponent = 0;
  const char* exponent_text = scientific.data() + e + 1;
  if (*exponent_text == '+') ++exponent_text;
  std::from_chars(exponent_text, scientific.data() + scientific.size(), exponent);
  constexpr int kPrecision = 6;
  return exponent < -4 || exponent >= kPrecision ? scientific : write(std::chars_format::fixed);
}

Scalar float_scalar(double value) { return {Type::kFloat, format_double(value)}; }

/// Go's ParseInt and then ParseUint with base 0: `0x`, `0o`, `0b` and a bare leading 0 count.
std::optional<Scalar> parse_integer(std::string_view text) {
  bool negative = false;
  bool sign = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    sign = true;
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = static_cast<char>(text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    text.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  constexpr std::uint64_t kMost = INT64_MAX;
  if (negative) {
    if (value > kMost + 1) return std::nullopt;
    return Scalar{Type::kInt, value == 0 ? "0" : "-" + std::to_string(value)};
  }
  if (value > kMost && sign) return std::nullopt;
  return Scalar{value > kMost ? Type::kUint : Type::kInt, std::to_string(value)};
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
bool looks_like_float(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > from;
  };
  const auto accept = [&](std::string_view any) {
    const bool found = i < text.size() && any.find(text[i]) != std::string_view::npos;
    if (found) ++i;
    return found;
  };
  accept("+-");
  if (accept(".")) {
    if (!digits()) return false;
  } else {
    if (!digits()) return false;
    if (accept(".")) digits();
  }
  if (accept("eE")) {
    accept("+-");
    if (!digits()) return false;
  }
  return i == text.size();
}

/// A number that starts with a full stop. Underscores only between digits.
std::optional<double> parse_dot_float(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  if (!looks_like_float(plain)) return std::nullopt;
  return parse_double(plain);
}

/// Whether Go's time.Parse takes it in one of the layouts that the YAML library tries.
bool is_timestamp(std::string_view text) {
  std::size_t i = 0;
  const auto number = [&](std::size_t most, int low, int high) {
    const std::size_t from = i;
    int value = 0;
    while (i < text.size() && i - from < most && is_digit(text[i]))
      value = value * 10 + text[i++] - '0';
    return i > from && value >= low && value <= high ? value : -1;
  };
  const auto accept = [&](char c) {
    const bool found = i < text.size() && text[i] == c;
    if (found) ++i;
    return found;
  };
  const int year = number(4, 0, 9999);
  if (i != 4 || !accept('-')) return false;
  const int month = number(2, 1, 12);
  if (month < 0 || !accept('-')) return false;
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const int days = kDays[static_cast<std::size_t>(month) - 1] + (month == 2 && leap ? 1 : 0);
  if (number(2, 1, days) < 0) return false;
  if (i == text.size()) return true;
  const char separator = text[i++];
  if (separator != 'T' && separator != 't' && separator != ' ') return false;
  if (number(2, 0, 23) < 0 || !accept(':') || number(2, 0, 59) < 0 || !accept(':') ||
      number(2, 0, 59) < 0)
    return false;
  if (accept('.') || accept(',')) {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    if (i == from) return false;
  }
  if (separator == ' ') return i == text.size();
  if (accept('Z')) return i == text.size();
  if (!accept('+') && !accept('-')) return false;
  constexpr std::size_t kZone = std::string_view("07:00").size();
  return text.size() - i == kZone && number(2, 0, 24) >= 0 && accept(':') &&
         number(2, 0, 60) >= 0 && i == text.size();
}

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

std::string short_tag(std::string_view tag) {
  if (tag.starts_with(kTagPrefix)) return "!!" + std::string(tag.substr(kTagPrefix.size()));
  return std::string(tag);
}

/// The words that are not strings, sorted.
struct Word {
  std::string_view word;
  Type type;
  std::string_view json;
};
constexpr Word kWords[] = {
    {"", Type::kNull, "null"},
    {"+.INF", Type::kNonFinite, ".inf"},
    {"+.Inf", Type::kNonFinite, ".inf"},
    {"+.inf", Type::kNonFinite, ".inf"},
    {"-.INF", Type::kNonFinite, "-.inf"},
    {"-.Inf", Type::kNonFinite, "-.inf"},
    {"-.inf", Type::kNonFinite, "-.inf"},
    {".INF", Type::kNonFinite, ".inf"},
    {".Inf", Type::kNonFinite, ".inf"},
    {".NAN", Type::kNonFinite, ".nan"},
    {".NaN", Type::kNonFinite, ".nan"},
    {".inf", Type::kNonFinite, ".inf"},
    {".nan", Type::kNonFinite, ".nan"},
    {"FALSE", Type::kBool, "false"},
    {"False", Type::kBool, "false"},
    {"N", Type::kBool, "false"},
    {"NO", Type::kBool, "false"},
    {"NULL", Type::kNull, "null"},
    {"No", Type::kBool, "false"},
    {"Null", Type::kNull, "null"},
    {"OFF", Type::kBool, "false"},
    {"ON", Type::kBool, "true"},
    {"Off", Type::kBool, "false"},
    {"On", Type::kBool, "true"},
    {"TRUE", Type::kBool, "true"},
    {"True", Type::kBool, "true"},
    {"Y", Type::kBool, "true"},
    {"YES", Type::kBool, "true"},
    {"Yes", Type::kBool, "true"},
    {"false", Type::kBool, "false"},
    {"n", Type::kBool, "false"},
    {"no", Type::kBool, "false"},
    {"null", Type::kNull, "null"},
    {"off", Type::kBool, "false"},
    {"on", Type::kBool, "true"},
    {"true", Type::kBool, "true"},
    {"y", Type::kBool, "true"},
    {"yes", Type::kBool, "true"},
    {"~", Type::kNull, "null"},
};
constexpr std::size_t kLongestWord = 5;

/// What a plain scalar is.
Scalar resolve_plain(std::string_view value) {
  if (value.size() <= kLongestWord) {
    const auto* word =
        std::lower_bound(std::begin(kWords), std::end(kWords), value,
                         [](const Word& w, std::string_view v) { return w.word < v; });
    if (word != std::end(kWords) && word->word == value)
      return {word->type, std::string(word->json)};
  }
  const char first = value.empty() ? 'x' : value[0];
  if (first == '.') {
    if (const auto number = parse_dot_float(value)) return float_scalar(*number);
  } else if (is_digit(first) || first == '+' || first == '-') {
    std::string plain(value);
    std::erase(plain, '_');
    if (auto integer = parse_integer(plain)) return *std::move(integer);
    if (looks_like_float(plain)) {
      if (const auto number = parse_double(plain)) return float_scalar(*number);
    }
    // `0b-1` is a number there, so it is one here.
    if (plain.starts_with("0b") && plain.size() > 3 && (plain[2] == '-' || plain[2] == '+')) {
      const bool digits = plain.find_first_not_of("01", 3) == std::string::npos;
      if (digits) {
        const std::string sign = plain[2] == '-' ? "-" : "+";
        if (auto integer = parse_integer(sign + "0b" + plain.substr(3))) return *std::move(integer);
      }
    }
  }
  return {Type::kString, std::string(value)};
}

std::string_view type_tag(Type type) {
  switch (type) {
    case Type::kNull:
      return "!!null";
    case Type::kBool:
      return "!!bool";
    case Type::kInt:
    case Type::kUint:
      return "!!int";
    case Type::kFloat:
    case Type::kNonFinite:
      return "!!float";
    case Type::kString:
      return "!!str";
  }
  return "";
}

/// Resolves a scalar by its tag, or, where it has none and is plain, by its text.
/// On failure `problem` says why.
Scalar resolve(std::string_view tag, bool plain, std::string_view value, std::string& problem) {
  if (tag.empty()) {
    if (plain) return resolve_plain(value);
    return {Type::kString, std::string(value)};
  }
  const std::string name = short_tag(tag);
  if (name == "!!binary" && tag != name) {
    auto bytes = decode_base64(value);
    if (bytes) return {Type::kString, replace_invalid_utf8(*std::move(bytes))};
    problem = "the !!binary value is not base64";
    return {};
  }
  const bool known = tag != name && (name == "!!bool" || name == "!!int" || name == "!!float" ||
                                     name == "!!null" || name == "!!timestamp");
  if (!known) return {Type::kString, std::string(value)};
  if (name == "!!timestamp") {
    if (is_timestamp(value)) return {Type::kString, std::string(value)};
  } else {
    Scalar found = resolve_plain(value);
    if (type_tag(found.type) == name) return found;
    if (name == "!!float" && found.type == Type::kInt) {
      std::int64_t integer = 0;
      std::from_chars(found.text.data(), found.text.data() + found.text.size(), integer);
      return float_scalar(static_cast<double>(integer));
    }
  }
  problem = fmt::format("{} is not a {}", quoted(value), name);
  return {};
}

// ---------------------------------------------------------------------------------------------
// Places

/// Finds the line of an offset. Offsets mostly come in order, so it starts at the last one's line.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    starts_.push_back(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    for (std::size_t i = text.find('\n'); i != std::string_view::npos; i = text.find('\n', i + 1))
      starts_.push_back(static_cast<std::uint32_t>(i + 1));
  }

  Mark mark(std::uint32_t offset) {
    offset = std::max(offset, starts_.front());
    const auto begin = starts_.begin();
    const auto holds = [&](std::size_t line) {
      return starts_[line] <= offset && (line + 1 == starts_.size() || offset < starts_[line + 1]);
    };
    if (!holds(last_)) {
      if (last_ + 1 < starts_.size() && holds(last_ + 1))
        ++last_;
      else
        last_ =
            static_cast<std::size_t>(std::upper_bound(begin, starts_.end(), offset) - begin) - 1;
    }
    return {offset, static_cast<std::uint32_t>(last_ + 1), offset - starts_[last_] + 1};
  }

 private:
  std::vector<std::uint32_t> starts_;
  std::size_t last_ = 0;
};

/// Turns libyaml's positions, which count characters, into offsets in bytes.
class Characters {
 public:
  /// `base`: where the text that libyaml sees begins.
  Characters(std::string_view text, std::size_t base) : text_(text), base_(base) {
    ascii_ = std::none_of(text.begin() + static_cast<std::ptrdiff_t>(base), text.end(),
                          [](char c) { return (c & 0x80) != 0; });
    if (ascii_) return;
    std::size_t count = 0;
    for (std::size_t i = base; i < text.size(); ++i) {
      if (!leads(text[i])) continue;
      if (count % kStep == 0) steps_.push_back(static_cast<std::uint32_t>(i));
      ++count;
    }
  }

  [[nodiscard]] std::uint32_t offset(std::size_t character) const {
    std::size_t at = text_.size();
    if (ascii_) {
      at = std::min(base_ + character, text_.size());
    } else if (character / kStep < steps_.size()) {
      at = steps_[character / kStep];
      for (std::size_t left = character % kStep; left > 0 && at < text_.size(); --left) {
        ++at;
        while (at < text_.size() && !leads(text_[at])) ++at;
      }
    }
    return static_cast<std::uint32_t>(at);
  }

 private:
  static constexpr std::size_t kStep = 64;
  static bool leads(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

  std::string_view text_;
  std::size_t base_;
  bool ascii_ = false;
  std::vector<std::uint32_t> steps_;
};

/// What went wrong, before it has a file and a line.
struct Problem {
  std::size_t offset = 0;
  std::string message;
  std::string remedy;
  std::string field;
};

// ---------------------------------------------------------------------------------------------
// The document as it is written

/// A value in the text. Unlike a YamlNode, an alias is one value here and a merge key a key.
struct Written {
  YamlKind kind = YamlKind::kScalar;
  YamlStyle style = YamlStyle::kPlain;
  Type type = Type::kNull;
  bool merge = false;    // a plain `<<`
  bool is_open = false;  // a collection whose end has not come yet
  bool merges = false;   // a mapping with a merge key
  std::uint32_t alias = kNone;
  std::uint32_t properties = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t text = 0;  // of the pool: see Scalar
  std::uint32_t text_size = 0;
  std::uint32_t key = kNone;  // of the pool: the text as a key, once it is one
  std::uint32_t key_size = 0;
  std::uint32_t children = 0;  // a mapping's are key, value, key, value
  std::uint32_t children_size = 0;
};

/// Takes the values of a document in the order of the text. After the first problem it takes no
/// more.
class Draft {
 public:
  explicit Draft(const YamlLimits& limits) : limits_(limits) {}

  void open(YamlKind kind, YamlStyle style, std::uint32_t properties, std::uint32_t begin,
            std::string_view anchor) {
    if (problem_) return;
    if (frames_.size() >= limits_.max_depth) {
      // Without its field, which would be as long as it is deep.
      problem_ = Problem{
          begin, fmt::format("values are nested deeper than {} levels", limits_.max_depth), {}, {}};
      return;
    }
    if (at_key())
      return fail(begin, "a key cannot be a list or a mapping", "use a plain word as the key");
    Written value;
    value.kind = kind;
    value.style = style;
    value.is_open = true;
    const std::uint32_t index = add(value, properties, begin, begin, anchor);
    if (problem_) return;
    frames_.push_back({index, static_cast<std::uint32_t>(open_children_.size())});
  }

  /// `end`: behind the closing bracket; without one the collection ends with its last value.
  void close(std::optional<std::uint32_t> end) {
    if (problem_) return;
    const Frame frame = frames_.back();
    Written& value = written_[frame.index];
    const auto from = open_children_.begin() + frame.first_child;
    value.children = static_cast<std::uint32_t>(children_.size());
    value.children_size = static_cast<std::uint32_t>(open_children_.end() - from);
    value.is_open = false;
    children_.insert(children_.end(), from, open_children_.end());
    if (end)
      value.end = *end;
    else if (value.children_size > 0)
      value.end = std::max(value.begin, written_[children_.back()].end);
    if (value.kind == YamlKind::kMapping) check_duplicates(value);
    if (problem_) return;
    open_children_.erase(from, open_children_.end());
    frames_.pop_back();
  }

  void scalar(YamlStyle style, std::uint32_t properties, std::uint32_t begin, std::uint32_t end,
              const Scalar& scalar, std::string_view anchor, bool merge = false) {
    if (problem_) return;
    Written value;
    value.style = style;
    value.type = scalar.type;
    value.merge = merge;
    value.text_size = static_cast<std::uint32_t>(scalar.text.size());
    value.text = keep(scalar.text);
    const bool is_key = at_key();
    const std::uint32_t index = add(value, properties, begin, end, anchor);
    if (is_key && !problem_) take_key(index);
  }

  void alias(std::uint32_t begin, std::uint32_t end, std::string_view name) {
    if (problem_) return;
    const auto found = anchors_.find(std::string(name));
    if (found == anchors_.end())
      return fail(begin, fmt::format("the alias *{} names no anchor before it", name),
                  fmt::format("put &{} at the value it should repeat", name));
    const Written& target = written_[found->second];
    if (target.is_open)
      return fail(begin, fmt::format("the alias *{} stands inside the value it repeats", name));
    const bool is_key = at_key();
    if (is_key && target.kind != YamlKind::kScalar)
      return fail(begin, "a key cannot be a list or a mapping", "use a plain word as the key");
    Written value = target;
    value.merge = false;  // `*name` is never a merge key, whatever it names
    value.alias = found->second;
    const std::uint32_t index = add(value, begin, begin, end, {});
    if (is_key && !problem_) take_key(index);
  }

  void fail(std::size_t offset, std::string message, std::string remedy = {}) {
    if (!problem_) problem_ = Problem{offset, std::move(message), std::move(remedy), field()};
  }

  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }
  [[nodiscard]] const std::vector<Written>& written() const { return written_; }
  [[nodiscard]] std::uint32_t child(const Written& value, std::size_t i) const {
    return children_[value.children + i];
  }
  [[nodiscard]] std::string_view text(const Written& value) const {
    return std::string_view(pool_).substr(value.text, value.text_size);
  }
  [[nodiscard]] std::string_view key(const Written& value) const {
    return std::string_view(pool_).substr(value.key, value.key_size);
  }
  [[nodiscard]] std::string_view pool(std::uint32_t begin, std::uint32_t size) const {
    return std::string_view(pool_).substr(begin, size);
  }
  std::string take_pool() { return std::move(pool_); }

 private:
  struct Frame {
    std::uint32_t index;        // of written_
    std::uint32_t first_child;  // of open_children_
  };

  /// Whether the next value is a key.
  [[nodiscard]] bool at_key() const {
    if (frames_.empty() || written_[frames_.back().index].kind != YamlKind::kMapping) return false;
    return (open_children_.size() - frames_.back().first_child) % 2 == 0;
  }

  std::uint32_t keep(std::string_view text) {
    const auto at = static_cast<std::uint32_t>(pool_.size());
    pool_ += text;
    return at;
  }

  std::uint32_t add(Written value, std::uint32_t properties, std::uint32_t begin, std::uint32_t end,
                    std::string_view anchor) {
    const auto index = static_cast<std::uint32_t>(written_.size());
    if (index >= 2 * limits_.max_values) {
      fail(begin, fmt::format("the document holds more than {} values", limits_.max_values),
           "split it");
      return index;
    }
    value.properties = properties;
    value.begin = begin;
    value.end = end;
    if (!anchor.empty()) anchors_[std::string(anchor)] = index;
    written_.push_back(value);
    if (!frames_.empty()) open_children_.push_back(index);
    return index;
  }

  /// Makes a scalar the key it is in JSON.
  void take_key(std::uint32_t index) {
    Written& value = written_[index];
    if (value.merge) {
      written_[frames_.back().index].merges = true;
      return;
    }
    value.key = value.text;
    value.key_size = value.text_size;
    if (value.type == Type::kNull || value.type == Type::kUint) {
      const std::string_view what =
          value.type == Type::kNull ? "null" : "an integer beyond 64 bits";
      open_children_.pop_back();  // the place is the mapping, not the last entry
      return fail(value.begin, fmt::format("a key cannot be {}", what), "put the key in quotes");
    }
    if (value.type == Type::kFloat) {
      const std::string name = format_float_key(parse_double(text(value)).value_or(0));
      value.key_size = static_cast<std::uint32_t>(name.size());
      value.key = keep(name);
    }
  }

  void check_duplicates(const Written& mapping) {
    keys_.clear();
    for (std::uint32_t i = 0; i < mapping.children_size; i += 2) {
      const std::uint32_t index = child(mapping, i);
      if (!written_[index].merge) keys_.emplace_back(key(written_[index]), index);
    }
    constexpr std::size_t kFew = 12;
    std::uint32_t first = kNone;
    std::uint32_t second = kNone;
    const auto same = [&](std::uint32_t one, std::uint32_t other) {
      if (other < second) {
        first = one;
        second = other;
      }
    };
    if (keys_.size() <= kFew) {
      for (std::size_t j = 1; j < keys_.size(); ++j)
        for (std::size_t i = 0; i < j; ++i)
          if (keys_[i].first == keys_[j].first) same(keys_[i].second, keys_[j].second);
    } else {
      std::sort(keys_.begin(), keys_.end());
      for (std::size_t i = 1; i < keys_.size(); ++i)
        if (keys_[i - 1].first == keys_[i].first) same(keys_[i - 1].second, keys_[i].second);
    }
    if (second == kNone) return;
    duplicate_of_ = written_[first].begin;
    open_children_.resize(frames_.back().first_child);
    fail(written_[second].begin,
         fmt::format("the key {} stands in the mapping twice", quoted(key(written_[second]))),
         "remove one of the two");
  }

  /// Where the draft stands, such as `spec.containers[0].image`.
  [[nodiscard]] std::string field() const {
    std::string out;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const std::size_t from = frames_[i].first_child;
      const std::size_t to =
          i + 1 < frames_.size() ? frames_[i + 1].first_child : open_children_.size();
      // What is being read is the last child, or the one to come where that is not added yet.
      const bool added = i + 1 < frames_.size();
      if (written_[frames_[i].index].kind == YamlKind::kSequence) {
        out += fmt::format("[{}]", to - from - (added ? 1 : 0));
        continue;
      }
      const std::size_t count = to - from;
      if (count == 0) break;
      const std::size_t last_key = added ? to - 2 : (count % 2 == 1 ? to - 1 : kNone);
      if (last_key == kNone) break;
      const Written& name = written_[open_children_[last_key]];
      append_field(out, name.merge ? std::string_view("<<") : key(name));
    }
    return out;
  }

 public:
  std::optional<std::uint32_t> duplicate_of() const { return duplicate_of_; }

 private:
  const YamlLimits& limits_;
  std::vector<Written> written_;
  std::vector<std::uint32_t> children_;
  std::vector<std::uint32_t> open_children_;  // of all open collections, the innermost's last
  std::vector<Frame> frames_;
  std::vector<std::pair<std::string_view, std::uint32_t>> keys_;
  std::unordered_map<std::string, std::uint32_t> anchors_;
  std::string pool_;
  std::optional<Problem> problem_;
  std::optional<std::uint32_t> duplicate_of_;
};

}  // namespace

// ---------------------------------------------------------------------------------------------
// The document as its JSON has it

class YamlComposer {
 public:
  YamlComposer(Draft& draft, Lines& lines, const YamlLimits& limits)
      : draft_(draft), lines_(lines), limits_(limits) {}

  /// The draft's first value and all below it. On failure there is a problem().
  YamlDocument compose(std::size_t text_size) {
    json_limit_ = std::max(kJsonFloor, kJsonRatio * text_size);
    alias_limit_ = std::max(kAliasFloor, kAliasRatio * draft_.written().size());
    if (draft_.written().empty()) {
      document_.nodes_.emplace_back();
      document_.json_ = "null";
      return std::move(document_);
    }
    document_.nodes_.reserve(draft_.written().size());
    value(0, {}, 0);
    if (!problem_) emit(0);
    document_.strings_ = draft_.take_pool();
    return std::move(document_);
  }

  [[nodiscard]] const std::optional<Problem>& problem() const { return problem_; }

 private:
  /// How a value was reached.
  struct Way {
    bool alias = false;
    bool merge = false;
    std::uint32_t use = kNone;  // the offset of the alias in the document's own text
  };
  struct Entry {
    std::uint32_t key;
    std::uint32_t node;
  };

  void fail(std::size_t offset, std::string message, std::string remedy = {},
            std::string field = {}) {
    if (!problem_)
      problem_ = Problem{offset, std::move(message), std::move(remedy), std::move(field)};
  }

  /// Counts one more value. False: too many.
  bool count(const Way& way, std::uint32_t offset) {
    if (way.alias && ++expanded_ > alias_limit_) {
      fail(way.use, "the aliases repeat more than a manifest can need",
           "write the values out, or repeat less");
    } else if (document_.nodes_.size() >= limits_.max_values) {
      fail(offset, fmt::format("the document holds more than {} values", limits_.max_values),
           "split it");
    }
    return !problem_;
  }

  std::uint32_t value(std::uint32_t index, Way way, std::size_t depth) {
    const Written& written = draft_.written()[index];
    const auto at = static_cast<std::uint32_t>(document_.nodes_.size());
    if (!count(way, written.begin)) return at;
    if (depth > limits_.max_depth) {
      fail(written.begin,
           fmt::format("values are nested deeper than {} levels", limits_.max_depth));
      return at;
    }
    YamlNode node;
    node.kind = written.kind;
    node.style = written.style;
    node.via_merge = way.merge;
    node.is_alias = written.alias != kNone;
    node.properties = lines_.mark(written.properties);
    node.begin = written.begin == written.properties ? node.properties : lines_.mark(written.begin);
    node.end = lines_.mark(written.end);
    node.key_begin = node.key_end = node.begin;
    document_.nodes_.push_back(node);
    source_.push_back(index);
    if (written.kind == YamlKind::kScalar) return at;

    const Written& collection = written.alias != kNone ? draft_.written()[written.alias] : written;
    if (written.alias != kNone) {
      if (!way.alias) way.use = written.begin;
      way.alias = true;
    }
    std::vector<std::uint32_t> children;
    if (collection.kind == YamlKind::kSequence) {
      children.reserve(collection.children_size);
      for (std::uint32_t i = 0; i < collection.children_size && !problem_; ++i)
        children.push_back(value(draft_.child(collection, i), way, depth + 1));
    } else {
      std::vector<Entry> entries;
      entries.reserve(collection.children_size / 2);
      std::unordered_map<std::string_view, std::size_t> places;
      mapping(collection, way, depth, entries, collection.merges ? &places : nullptr);
      children.reserve(entries.size());
      for (const Entry& entry : entries) {
        name(entry);
        children.push_back(entry.node);
      }
    }
    if (problem_) return at;
    for (const std::uint32_t child : children) document_.nodes_[child].parent_ = at;
    document_.nodes_[at].children_ = {static_cast<std::uint32_t>(document_.children_.size()),
                                      static_cast<std::uint32_t>(children.size())};
    document_.children_.insert(document_.children_.end(), children.begin(), children.end());
    return at;
  }

  void name(const Entry& entry) {
    const Written& key = draft_.written()[entry.key];
    YamlNode& node = document_.nodes_[entry.node];
    node.has_key = true;
    node.key_ = {key.key, key.key_size};
    node.key_begin = lines_.mark(key.properties);
    node.key_end = lines_.mark(key.end);
  }

  /// Puts a mapping's entries. Where a key is there already, from a merge, the later one counts:
  /// kubectl's library applies a merge key where it stands, not before all others.
  void mapping(const Written& written, const Way& way, std::size_t depth,
               std::vector<Entry>& entries,
               std::unordered_map<std::string_view, std::size_t>* places) {
    for (std::uint32_t i = 0; i < written.children_size && !problem_; i += 2) {
      const std::uint32_t key = draft_.child(written, i);
      const std::uint32_t index = draft_.child(written, i + 1);
      if (draft_.written()[key].merge) {
        merge(index, way, depth, entries, places);
        continue;
      }
      const Entry entry{key, value(index, way, depth + 1)};
      if (places != nullptr) {
        const auto [place, added] =
            places->try_emplace(draft_.key(draft_.written()[key]), entries.size());
        if (!added) {
          entries[place->second] = entry;
          continue;
        }
      }
      entries.push_back(entry);
    }
  }

  /// Puts the entries of what stands at a merge key: a mapping, or a list of them of which the
  /// earlier count more.
  void merge(std::uint32_t index, Way way, std::size_t depth, std::vector<Entry>& entries,
             std::unordered_map<std::string_view, std::size_t>* places) {
    const Written& written = draft_.written()[index];
    way.merge = true;
    if (written.kind == YamlKind::kSequence && written.alias == kNone) {
      for (std::uint32_t i = written.children_size; i > 0 && !problem_; --i)
        merge_one(draft_.child(written, i - 1), way, depth, entries, places);
    } else {
      merge_one(index, way, depth, entries, places);
    }
  }

  void merge_one(std::uint32_t index, Way way, std::size_t depth, std::vector<Entry>& entries,
                 std::unordered_map<std::string_view, std::size_t>* places) {
    const Written& written = draft_.written()[index];
    if (written.kind != YamlKind::kMapping)
      return fail(written.begin, "a merge key (<<) needs a mapping or a list of mappings");
    if (depth >= limits_.max_depth)
      return fail(written.begin,
                  fmt::format("merge keys are nested deeper than {} levels", limits_.max_depth));
    if (written.alias != kNone) {
      if (!way.alias) way.use = written.begin;
      way.alias = true;
    }
    if (!count(way, written.begin)) return;
    const Written& target = written.alias != kNone ? draft_.written()[written.alias] : written;
    mapping(target, way, depth + 1, entries, places);
  }

  void emit(std::uint32_t at) {
    YamlNode& node = document_.nodes_[at];
    std::string& json = document_.json_;
    if (json.size() > json_limit_) {
      return fail(node.begin.offset, "the aliases repeat more than a manifest can need",
                  "write the values out, or repeat less");
    }
    node.json_.begin = static_cast<std::uint32_t>(json.size());
    if (node.kind == YamlKind::kScalar) {
      scalar(draft_.written()[source_[at]], node);
    } else {
      const bool is_mapping = node.kind == YamlKind::kMapping;
      json += is_mapping ? '{' : '[';
      for (std::uint32_t i = 0; i < node.children_.size && !problem_; ++i) {
        if (i > 0) json += ',';
        const std::uint32_t child = document_.children_[node.children_.begin + i];
        if (is_mapping) {
          const YamlNode::Slice key = document_.nodes_[child].key_;
          append_string(json, draft_.pool(key.begin, key.size));
          json += ':';
        }
        emit(child);
      }
      json += is_mapping ? '}' : ']';
    }
    node.json_.size = static_cast<std::uint32_t>(json.size()) - node.json_.begin;
  }

  void scalar(const Written& written, const YamlNode& node) {
    const std::string_view text = draft_.text(written);
    if (written.type == Type::kString) {
      append_string(document_.json_, text);
    } else if (written.type == Type::kNonFinite) {
      fail(node.begin.offset, fmt::format("JSON has no number {}", text),
           "put it in quotes if it is text", field(node));
    } else {
      document_.json_ += text;
    }
  }

  [[nodiscard]] std::string field(const YamlNode& node) const {
    if (&node == document_.nodes_.data()) return {};
    const YamlNode& parent = document_.nodes_[node.parent_];
    std::string out = field(parent);
    if (node.has_key) {
      append_field(out, draft_.pool(node.key_.begin, node.key_.size));
      return out;
    }
    for (std::uint32_t i = 0; i < parent.children_.size; ++i)
      if (&document_.nodes_[document_.children_[parent.children_.begin + i]] == &node)
        out += fmt::format("[{}]", i);
    return out;
  }

  Draft& draft_;
  Lines& lines_;
  const YamlLimits& limits_;
  YamlDocument document_;
  std::vector<std::uint32_t> source_;  // the written value of each node
  std::size_t expanded_ = 0;
  std::size_t alias_limit_ = 0;
  std::size_t json_limit_ = 0;
  std::optional<Problem> problem_;
};

const YamlNode& YamlDocument::follow(std::string_view json_pointer, bool& all) const {
  const YamlNode* node = &nodes_.front();
  all = json_pointer.empty() || json_pointer.front() == '/';
  while (all && !json_pointer.empty()) {
    json_pointer.remove_prefix(1);
    const std::string_view escaped = json_pointer.substr(0, json_pointer.find('/'));
    json_pointer.remove_prefix(escaped.size());
    all = false;
    if (node->kind == YamlKind::kSequence) {
      std::size_t i = 0;
      const char* last = escaped.data() + escaped.size();
      const auto [stop, error] = std::from_chars(escaped.data(), last, i);
      const bool number =
          error == std::errc() && stop == last && (escaped.size() == 1 || escaped.front() != '0');
      if (!number || i >= size(*node)) break;
      node = &child(*node, i);
      all = true;
      continue;
    }
    std::string token;
    for (std::size_t i = 0; i < escaped.size(); ++i) {
      const bool escape = escaped[i] == '~' && i + 1 < escaped.size();
      token += escape && escaped[i + 1] == '1' ? '/' : escaped[i];
      if (escape && (escaped[i + 1] == '0' || escaped[i + 1] == '1')) ++i;
    }
    for (std::size_t i = 0; i < size(*node) && !all; ++i) {
      const YamlNode& entry = child(*node, i);
      if (key(entry) != token) continue;
      node = &entry;
      all = true;
    }
  }
  return *node;
}

const YamlNode* YamlDocument::find(std::string_view json_pointer) const {
  bool all = false;
  const YamlNode& node = follow(json_pointer, all);
  return all ? &node : nullptr;
}

const YamlNode& YamlDocument::nearest(std::string_view json_pointer) const {
  bool all = false;
  return follow(json_pointer, all);
}

const YamlNode* YamlDocument::parent(const YamlNode& node) const {
  return &node == nodes_.data() ? nullptr : &nodes_[node.parent_];
}

std::string YamlDocument::pointer(const YamlNode& node) const {
  std::vector<const YamlNode*> way;
  for (const YamlNode* at = &node; at != nodes_.data(); at = parent(*at)) way.push_back(at);
  std::string out;
  for (auto at = way.rbegin(); at != way.rend(); ++at) {
    if ((*at)->has_key) {
      append_token(out, key(**at));
      continue;
    }
    // A list's elements are made one after the other.
    const auto& in = parent(**at)->children_;
    const auto first = children_.begin() + in.begin;
    const auto found = std::lower_bound(first, first + in.size, *at - nodes_.data());
    append_token(out, std::to_string(found - first));
  }
  return out;
}

namespace {

// ---------------------------------------------------------------------------------------------
// JSON. Not left to the YAML parser, which takes neither surrogate pairs nor long keys.

class JsonScanner {
 public:
  JsonScanner(std::string_view text, std::size_t at, std::size_t max_depth, Draft& draft)
      : text_(text), at_(at), max_depth_(max_depth), draft_(draft) {}

  /// Reads one value. False: the text is not JSON, see problem().
  bool scan() { return value(0); }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }

 private:
  bool fail(std::size_t offset, std::string message, std::string remedy = {}) {
    problem_ = {offset, std::move(message), std::move(remedy), {}};
    return false;
  }

  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool expected(std::string_view what) {
    if (at_ >= text_.size()) return fail(at_, fmt::format("the JSON text ends, expected {}", what));
    return fail(at_, fmt::format("expected {}", what));
  }

  bool value(std::size_t depth) {
    skip_space();
    const std::size_t begin = at_;
    switch (peek()) {
      case '{':
      case '[':
        return collection(depth);
      case '"': {
        Scalar scalar;
        if (!string(scalar.text)) return false;
        put(YamlStyle::kDouble, begin, scalar);
        return true;
      }
      case 't':
        return word(begin, "true", Type::kBool);
      case 'f':
        return word(begin, "false", Type::kBool);
      case 'n':
        return word(begin, "null", Type::kNull);
      default:
        return number();
    }
  }

  void put(YamlStyle style, std::size_t begin, const Scalar& scalar) {
    const auto from = static_cast<std::uint32_t>(begin);
    draft_.scalar(style, from, from, static_cast<std::uint32_t>(at_), scalar, {});
  }

  bool word(std::size_t begin, std::string_view name, Type type) {
    if (text_.substr(at_, name.size()) != name) return expected("a value");
    at_ += name.size();
    put(YamlStyle::kPlain, begin, {type, std::string(name)});
    return true;
  }

  bool collection(std::size_t depth) {
    const bool is_object = peek() == '{';
    const char closing = is_object ? '}' : ']';
    const auto begin = static_cast<std::uint32_t>(at_);
    draft_.open(is_object ? YamlKind::kMapping : YamlKind::kSequence, YamlStyle::kFlow, begin,
                begin, {});
    if (depth >= max_depth_)
      return fail(at_, fmt::format("values are nested deeper than {} levels", max_depth_));
    ++at_;
    skip_space();
    if (peek() != closing) {
      while (true) {
        if (is_object && !member_name()) return false;
        if (!value(depth + 1)) return false;
        skip_space();
        if (peek() == closing) break;
        if (peek() != ',') return expected(is_object ? "',' or '}'" : "',' or ']'");
        ++at_;
      }
    }
    ++at_;
    draft_.close(static_cast<std::uint32_t>(at_));
    return true;
  }

  bool member_name() {
    skip_space();
    const std::size_t begin = at_;
    if (peek() != '"') return expected("a member's name in double quotes");
    Scalar name;
    if (!string(name.text)) return false;
    put(YamlStyle::kDouble, begin, name);
    skip_space();
    if (peek() != ':') return expected("':'");
    ++at_;
    return true;
  }

  /// Four hexadecimal digits; empty: they are not.
  std::optional<std::uint32_t> unit() {
    if (text_.size() - at_ < 4) return std::nullopt;
    std::uint32_t out = 0;
    const char* from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, from + 4, out, 16);
    if (error != std::errc() || end != from + 4) return std::nullopt;
    at_ += 4;
    return out;
  }

  bool unicode_escape(std::string& out) {
    constexpr std::uint32_t kReplacement = 0xFFFD;
    const std::size_t begin = at_ - 2;
    const auto first = unit();
    if (!first) return fail(begin, "\\u needs four hexadecimal digits");
    std::uint32_t c = *first;
    if (c >= 0xD800 && c <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
      const std::size_t back = at_;
      at_ += 2;
      const auto second = unit();
      if (second && *second >= 0xDC00 && *second <= 0xDFFF) {
        c = 0x10000 + ((c & 0x3FF) << 10) + (*second & 0x3FF);
      } else {
        at_ = back;
      }
    }
    if (c >= 0xD800 && c <= 0xDFFF) c = kReplacement;  // as Go reads half a pair
    append_utf8(out, c);
    return true;
  }

  bool string(std::string& out) {
    const std::size_t begin = at_++;
    while (true) {
      const std::size_t from = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20)
        ++at_;
      out += text_.substr(from, at_ - from);
      if (at_ >= text_.size()) return fail(begin, "the quoted text is not closed");
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c != '\\')
        return fail(at_ - 1, "a control character stands in a quoted text", "escape it");
      switch (const char escape = peek(); ++at_, escape) {
        case '"':
        case '\\':
        case '/':
          out += escape;
          break;
        case 'b':
          out += '\b';
          break;
        case 'f':
          out += '\f';
          break;
        case 'n':
          out += '\n';
          break;
        case 'r':
          out += '\r';
          break;
        case 't':
          out += '\t';
          break;
        case 'u':
          if (!unicode_escape(out)) return false;
          break;
        default:
          return fail(at_ - 2, "JSON has no such escape");
      }
    }
  }

  bool number() {
    const std::size_t begin = at_;
    const auto digits = [&] {
      const std::size_t from = at_;
      while (is_digit(peek())) ++at_;
      return at_ > from;
    };
    bool whole = true;
    if (peek() == '-') ++at_;
    if (peek() == '0')
      ++at_;
    else if (!digits())
      return at_ = begin, expected("a value");
    if (peek() == '.') {
      whole = false;
      ++at_;
      if (!digits()) return expected("a digit");
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at_;
      if (peek() == '-' || peek() == '+') ++at_;
      if (!digits()) return expected("a digit");
    }
    const std::string_view text = text_.substr(begin, at_ - begin);
    if (whole) {
      if (auto integer = parse_integer(text)) {
        integer->text = text;  // -0 stays what it is
        put(YamlStyle::kPlain, begin, *integer);
        return true;
      }
    }
    const auto value = parse_double(text);
    if (!value) {
      draft_.fail(begin, fmt::format("the number {} is out of range", quoted(text)));
      return true;
    }
    // An integer beyond 64 bits would stop JSON readers that know integers from other numbers.
    put(YamlStyle::kPlain, begin,
        whole ? float_scalar(*value) : Scalar{Type::kFloat, std::string(text)});
    return true;
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t max_depth_;
  Draft& draft_;
  Problem problem_;
};

// ---------------------------------------------------------------------------------------------
// YAML

std::string_view as_view(const yaml_char_t* text) {
  if (text == nullptr) return {};
  return reinterpret_cast<const char*>(text);  // NOLINT(*-reinterpret-cast): unsigned char
}

/// Owns libyaml's parser.
class Parser {
 public:
  explicit Parser(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    // NOLINTNEXTLINE(*-reinterpret-cast): unsigned char
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  yaml_parser_t* get() { return &parser_; }

 private:
  yaml_parser_t parser_{};
};

/// Owns what libyaml put into one event.
class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// False: the parser has an error.
  bool read(Parser& parser) { return yaml_parser_parse(parser.get(), &event_) != 0; }

  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

YamlStyle scalar_style(yaml_scalar_style_t style) {
  switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
      return YamlStyle::kSingle;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
      return YamlStyle::kDouble;
    case YAML_LITERAL_SCALAR_STYLE:
      return YamlStyle::kLiteral;
    case YAML_FOLDED_SCALAR_STYLE:
      return YamlStyle::kFolded;
    default:
      return YamlStyle::kPlain;
  }
}

/// libyaml's complaints in a manifest writer's words. Longer ones first where one begins another.
struct Complaint {
  std::string_view libyaml;
  std::string_view message;
  std::string_view remedy;
};
constexpr Complaint kComplaints[] = {
    {"mapping values are not allowed in this context", "a ':' stands where no key can be",
     "put the value in quotes if the ':' belongs to it, or indent the line as its neighbours"},
    {"did not find expected key", "the line does not continue the mapping above it",
     "indent it as the other keys, and close quotes and brackets before it"},
    {"did not find expected '-' indicator", "the line does not continue the list above it",
     "indent it as the other items, or start it with '- '"},
    {"block sequence entries are not allowed in this context", "a list cannot begin here",
     "put the '-' on a line of its own, below the key"},
    {"mapping keys are not allowed in this context", "a key cannot stand here",
     "put it on a line of its own"},
    {"could not find expected ':'", "a key without a ':'",
     "add ': ' and the value, or indent the line if it continues the text above"},
    {"found unexpected end of stream", "the quoted text is not closed", "add the closing quote"},
    {"found unexpected document indicator",
     "the quoted text is not closed before the next document", "add the closing quote"},
    {"did not find expected ',' or ']'", "the list in [ ] is not closed or a ',' is missing", ""},
    {"did not find expected ',' or '}'", "the mapping in { } is not closed or a ',' is missing",
     ""},
    {"found unexpected ':'", "a ':' stands in [ ] or { } with no space behind it",
     "add the space, or put the value in quotes if the ':' belongs to it"},
    {"found unknown escape character", "a double-quoted text has no such escape",
     "write the backslash twice, or use single quotes"},
    {"found a tab character that violates indentation", "a tab stands in the indentation",
     "indent with spaces"},
    {"found a tab character where an indentation space is expected",
     "a tab stands in the indentation", "indent with spaces"},
    {"did not find expected <document start>", "text after the end of the document",
     "start the next document with a line of ---"},
    {"did not find expected node content", "a value is missing here", ""},
    {"found undefined tag handle", "the tag's prefix is not declared", "remove the tag"},
    {"control characters are not allowed", "a control character stands in the text",
     "remove it, or escape it in a double-quoted text"},
    {"did not find expected alphabetic or numeric character",
     "the name of an anchor or alias has a character that it cannot have",
     "use letters, digits, - and _, or quote a value that begins with & or *"},
};

}  // namespace

// ---------------------------------------------------------------------------------------------
// The stream

class YamlReader::Impl {
 public:
  Impl(std::string_view text, std::string file, YamlLimits limits)
      : text_(text), file_(std::move(file)), limits_(limits) {
    problem_ = start();
  }

  Result<std::optional<YamlDocument>> next() {
    if (auto error = std::exchange(problem_, {})) return *std::move(error);
    if (state_ == State::kJson) return next_json();
    if (state_ == State::kYaml) return next_yaml();
    return std::optional<YamlDocument>();
  }

  [[nodiscard]] std::string_view text() const { return transcoded_ ? *transcoded_ : text_; }

 private:
  enum class State : std::uint8_t { kJson, kYaml, kEnd };

  Error error(const Problem& problem) {
    const Mark mark =
        lines_->mark(static_cast<std::uint32_t>(std::min(problem.offset, text().size())));
    return {problem.message, file_, mark.line, mark.column, problem.field, problem.remedy};
  }

  /// Ends the stream.
  Error end(const Problem& problem) {
    state_ = State::kEnd;
    return error(problem);
  }

  /// Looks at the text as a whole.
  Status start() {
    if (text_.size() > limits_.max_bytes)
      return Error{
          fmt::format("the text has {} bytes, more than {}", text_.size(), limits_.max_bytes),
          file_,
          0,
          0,
          {},
          "split it"};
    if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF")) {
      transcoded_ = from_utf16(text_.substr(2), text_[0] == '\xFE');
      if (!transcoded_)
        return Error{"the text is not valid UTF-16", file_, 1, 1, {}, "save it as UTF-8"};
    }
    lines_.emplace(text());
    if (const std::size_t nul = text().find('\0'); nul != std::string_view::npos)
      return error({nul, "this is not text: it holds a NUL byte", "give a YAML or JSON file", {}});
    if (!simdjson::validate_utf8(text())) {
      std::size_t at = 0;
      while (const std::size_t length = utf8_length(text().substr(at))) at += length;
      return error({at, "the text is not valid UTF-8", "save it as UTF-8", {}});
    }
    at_ = text().starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    // Joined files leave such marks at the start of a line, where they would be part of a key.
    for (std::size_t mark = text().find(kByteOrderMark, at_); mark != std::string_view::npos;
         mark = text().find(kByteOrderMark, mark + 1)) {
      std::size_t before = mark;
      while (before > at_ && (text()[before - 1] == ' ' || text()[before - 1] == '\t')) --before;
      if (before == at_ || text()[before - 1] == '\n' || text()[before - 1] == '\r')
        return error({mark,
                      "a byte order mark stands inside the text",
                      "remove the three bytes EF BB BF, which joined files leave behind",
                      {}});
    }
    // libyaml compares every directive with every other.
    std::size_t directives = 0;
    for (std::size_t at = text().find("%TAG", at_); at != std::string_view::npos;
         at = text().find("\n%TAG", at + 1)) {
      if (++directives > kMostDirectives)
        return error({at, "the text has too many %TAG directives", "remove them", {}});
    }
    const std::size_t first = text().find_first_not_of(" \t\r\n", at_);
    const bool json =
        first != std::string_view::npos && (text()[first] == '{' || text()[first] == '[');
    state_ = json ? State::kJson : State::kYaml;
    return std::nullopt;
  }

  /// One of the values that follow one another in a JSON stream. What is no JSON may be YAML that
  /// begins with a bracket: then the rest is read as YAML, as kubectl does.
  Result<std::optional<YamlDocument>> next_json() {
    const auto skip_space = [&] { return text().find_first_not_of(" \t\r\n", at_); };
    std::size_t first = skip_space();
    while (first != std::string_view::npos && text().substr(first, 3) == "...") {
      at_ = first + 3;
      first = skip_space();
    }
    if (first == std::string_view::npos) {
      state_ = State::kEnd;
      return std::optional<YamlDocument>();
    }
    const char c = text()[first];
    if (c == '#' || c == '%' || text().substr(first, 3) == "---") {
      at_ = first;
      state_ = State::kYaml;
      return next_yaml();
    }
    if (c != '{' && c != '[')
      return end({first, "text after the end of the JSON value", "remove it", {}});
    Draft draft(limits_);
    JsonScanner scanner(text(), first, limits_.max_depth, draft);
    if (!scanner.scan()) {
      json_problem_ = scanner.problem();
      state_ = State::kYaml;
      return next_yaml();
    }
    at_ = scanner.at();
    if (draft.problem()) {
      ++index_;
      return error(with_first(draft));
    }
    return finish(draft, first, at_);
  }

  /// The draft's problem; for a key that stands twice, also where it stood first.
  Problem with_first(const Draft& draft) {
    Problem problem = *draft.problem();
    if (const auto first = draft.duplicate_of()) {
      const Mark mark = lines_->mark(*first);
      problem.message += fmt::format(", first at line {} column {}", mark.line, mark.column);
    }
    return problem;
  }

  Result<std::optional<YamlDocument>> finish(Draft& draft, std::size_t begin, std::size_t end) {
    YamlComposer composer(draft, *lines_, limits_);
    YamlDocument document = composer.compose(text().size());
    const std::size_t index = index_++;
    if (composer.problem()) return error(*composer.problem());
    document.index = index;
    document.begin = lines_->mark(static_cast<std::uint32_t>(begin));
    document.end = lines_->mark(static_cast<std::uint32_t>(end));
    return std::optional<YamlDocument>(std::move(document));
  }

  Result<std::optional<YamlDocument>> next_yaml() {
    if (!parser_) {
      base_ = at_;
      parser_ = std::make_unique<Parser>(text().substr(base_));
      characters_.emplace(text(), base_);
    }
    Draft draft(limits_);
    std::uint32_t begin = 0;
    while (true) {
      Event event;
      if (!event.read(*parser_)) {
        // What was wrong before that is the first that a reader of the text comes to.
        return draft.problem() ? end(with_first(draft)) : syntax_error();
      }
      switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
          begin = offset(event->start_mark);
          break;
        case YAML_DOCUMENT_END_EVENT:
          json_problem_.reset();
          if (draft.problem()) {
            ++index_;
            return error(with_first(draft));
          }
          return finish(draft, begin, offset(event->end_mark));
        case YAML_STREAM_END_EVENT:
        case YAML_NO_EVENT:
          state_ = State::kEnd;
          return std::optional<YamlDocument>();
        default:
          take(*event.operator->(), draft);
          // Reading on to the end of the document would cost libyaml time that grows with the
          // square of the depth.
          if (nested(*event.operator->()) > limits_.max_depth && draft.problem())
            return end(with_first(draft));
      }
    }
  }

  /// How deep the next value is nested.
  std::size_t nested(const yaml_event_t& event) {
    const bool opens =
        event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT;
    const bool closes =
        event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
    if (opens) ++depth_;
    if (closes) --depth_;
    return depth_;
  }

  [[nodiscard]] std::uint32_t offset(const yaml_mark_t& mark) const {
    return characters_->offset(mark.index);
  }

  void take(const yaml_event_t& event, Draft& draft) {
    if (draft.problem()) return;
    const std::uint32_t start = offset(event.start_mark);
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        take_scalar(event, draft);
        break;
      case YAML_ALIAS_EVENT:
        draft.alias(start, offset(event.end_mark), as_view(event.data.alias.anchor));
        break;
      case YAML_MAPPING_START_EVENT: {
        const auto& mapping = event.data.mapping_start;
        draft.open(YamlKind::kMapping,
                   mapping.style == YAML_FLOW_MAPPING_STYLE ? YamlStyle::kFlow : YamlStyle::kBlock,
                   start, behind_properties(start, text().size()), as_view(mapping.anchor));
        break;
      }
      case YAML_SEQUENCE_START_EVENT: {
        const auto& sequence = event.data.sequence_start;
        draft.open(
            YamlKind::kSequence,
            sequence.style == YAML_FLOW_SEQUENCE_STYLE ? YamlStyle::kFlow : YamlStyle::kBlock,
            start, behind_properties(start, text().size()), as_view(sequence.anchor));
        break;
      }
      case YAML_MAPPING_END_EVENT:
        close(event, '}', draft);
        break;
      case YAML_SEQUENCE_END_EVENT:
        close(event, ']', draft);
        break;
      default:
        break;
    }
  }

  /// Only a bracket is the end of a collection; for others libyaml gives where the next token is.
  void close(const yaml_event_t& event, char bracket, Draft& draft) {
    const std::uint32_t end = offset(event.end_mark);
    const bool closed = event.end_mark.index > event.start_mark.index && text()[end - 1] == bracket;
    draft.close(closed ? std::optional(end) : std::nullopt);
  }

  void take_scalar(const yaml_event_t& event, Draft& draft) {
    const auto& scalar = event.data.scalar;
    // NOLINTNEXTLINE(*-reinterpret-cast): unsigned char
    const std::string_view value(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const std::string_view tag = as_view(scalar.tag);
    const bool plain = scalar.plain_implicit != 0;
    std::uint32_t properties = offset(event.start_mark);
    const std::uint32_t last = trim(properties, offset(event.end_mark));
    const std::uint32_t begin = behind_properties(properties, last);
    std::uint32_t end = std::max(begin, last);
    std::uint32_t content = begin;
    if (properties == end) {
      // Not written at all: right behind what introduces it, not where the next token happens to
      // be.
      properties = content = end = trim(0, end);
    }
    std::string problem;
    const Scalar resolved = resolve(tag, plain, value, problem);
    if (!problem.empty())
      return draft.fail(begin, std::move(problem), "change the value or the tag");
    constexpr std::string_view kMergeTag = "tag:yaml.org,2002:merge";
    const bool merge = value == "<<" && (plain || tag == kMergeTag);
    draft.scalar(scalar_style(scalar.style), properties, content, end, resolved,
                 as_view(scalar.anchor), merge);
  }

  /// `end` without the white space before it.
  [[nodiscard]] std::uint32_t trim(std::uint32_t begin, std::uint32_t end) const {
    while (end > begin && is_space(text()[end - 1])) --end;
    return end;
  }

  /// Where the value begins whose anchor and tag may begin at `at`.
  [[nodiscard]] std::uint32_t behind_properties(std::size_t at, std::size_t end) const {
    const std::string_view text = this->text();
    while (at < end && (text[at] == '&' || text[at] == '!')) {
      if (text.substr(at, 2) == "!<") {
        at = text.find('>', at);
        at = at == std::string_view::npos ? end : at + 1;
      } else {
        at = text.find_first_of(" \t\r\n,[]{}", at + 1);
      }
      while (at < end && (is_space(text[at]) || text[at] == '#')) {
        if (text[at] == '#') at = text.find('\n', at);
        if (at < end) ++at;
      }
    }
    return static_cast<std::uint32_t>(std::min(at, end));
  }

  Error syntax_error() {
    const yaml_parser_t& parser = *parser_->get();
    Problem problem;
    const std::string_view what = parser.problem != nullptr ? parser.problem : "";
    if (parser.error == YAML_MEMORY_ERROR) {
      problem = {0, "the memory does not suffice to read it", {}, {}};
    } else {
      problem.offset = parser.error == YAML_READER_ERROR ? base_ + parser.problem_offset
                                                         : offset(parser.problem_mark);
      const char c = problem.offset < text().size() ? text()[problem.offset] : '\0';
      const auto* known = std::find_if(std::begin(kComplaints), std::end(kComplaints),
                                       [&](const Complaint& it) { return it.libyaml == what; });
      if (what == "found character that cannot start any token") {
        problem.message = c == '\t' ? "a tab stands in the indentation"
                                    : fmt::format("a plain value cannot begin with '{}'", c);
        problem.remedy = c == '\t' ? "indent with spaces" : "put the value in quotes";
      } else if (known != std::end(kComplaints)) {
        problem.message = known->message;
        problem.remedy = known->remedy;
      } else {
        problem.message = fmt::format("this is not YAML: {}", what);
      }
      // Where the value began says more than where the parser gave up.
      if (what == "found unexpected end of stream" && parser.context != nullptr)
        problem.offset = offset(parser.context_mark);
    }
    // Of the two readings the one that got further is likelier what was meant.
    if (json_problem_ && json_problem_->offset >= problem.offset) problem = *json_problem_;
    return end(problem);
  }

  std::string_view text_;
  std::string file_;
  YamlLimits limits_;
  State state_ = State::kEnd;
  Status problem_;  // of the text as a whole, until it has been told
  std::optional<std::string> transcoded_;
  std::optional<Lines> lines_;
  std::size_t at_ = 0;     // up to where JSON has been read
  std::size_t index_ = 0;  // of the next document
  std::size_t depth_ = 0;  // of the YAML being read
  std::size_t base_ = 0;   // where the parser's text begins
  std::unique_ptr<Parser> parser_;
  std::optional<Characters> characters_;
  std::optional<Problem> json_problem_;  // why the text that is now read as YAML is not JSON
};

YamlReader::YamlReader(std::string_view text, std::string file, YamlLimits limits)
    : impl_(std::make_unique<Impl>(text, std::move(file), limits)) {}
YamlReader::~YamlReader() = default;
YamlReader::YamlReader(YamlReader&&) noexcept = default;
YamlReader& YamlReader::operator=(YamlReader&&) noexcept = default;

Result<std::optional<YamlDocument>> YamlReader::next() { return impl_->next(); }
std::string_view YamlReader::text() const { return impl_->text(); }

}  // namespace plimsoll::text
