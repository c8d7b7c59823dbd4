#include "codec/decoder.h"

#include <fmt/format.h>

#include <limits>

#include "plimsoll/pointer.h"

namespace plimsoll::codec {

std::string_view type_name(Json value) {
  using simdjson::dom::element_type;
  switch (value.type()) {
    case element_type::ARRAY:
      return "an array";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return "a string";
    case element_type::BOOL:
      return "a boolean";
    case element_type::NULL_VALUE:
      return "null";
    case element_type::INT64:
    case element_type::UINT64:
      return "an integer";
    case element_type::DOUBLE:
      return "a number with a fraction or exponent";
  }
  return "of an unknown type";
}

namespace {

std::string_view how_to_write(std::string_view wanted) {
  if (wanted == "a boolean") return "; write true or false, without quotes";
  if (wanted == "an integer") return "; write digits, without quotes";
  if (wanted == "a string") return "; put it in quotes";
  if (wanted == "an array") return "; write a list, such as [a, b]";
  return "; write fields, one `name: value` a line";
}

}  // namespace

void Decoder::read(Json value, bool& out) { expect(value, out, "a boolean"); }

void Decoder::read(Json value, std::string& out) {
  if (std::string_view text; expect(value, text, "a string")) out = text;
}

void Decoder::read(Json value, std::int64_t& out) {
  if (value.is_uint64() && !value.is_int64())
    fault("is out of range for a 64-bit integer");
  else
    expect(value, out, "an integer");
}

void Decoder::read(Json value, std::int32_t& out) {
  std::int64_t wide = 0;
  read(value, wide);
  if (wide < std::numeric_limits<std::int32_t>::min() ||
      wide > std::numeric_limits<std::int32_t>::max())
    fault("is out of range for a 32-bit integer");
  else
    out = static_cast<std::int32_t>(wide);
}

void Decoder::read(Json value, std::vector<std::string>& out) {
  array(value, sizeof(std::string),
        [&](Json element, std::size_t) { read(element, out.emplace_back()); });
}

void Decoder::read(Json value, std::vector<std::int64_t>& out) {
  array(value, sizeof(std::int64_t),
        [&](Json element, std::size_t) { read(element, out.emplace_back()); });
}

std::string Decoder::path() const {
  std::string pointer(base_);
  for (const Step& step : std::span(steps_).first(depth_))
    if (step.name.data() != nullptr)
      append_token(pointer, step.name);
    else
      fmt::format_to(std::back_inserter(pointer), "/{}", step.index);
  return pointer;
}

void Decoder::fault(std::string message) {
  if (!full()) faults_.push_back({path(), std::move(message)});
}

void Decoder::wrong_type(std::string_view wanted, Json value) {
  if (full()) return;
  std::string message = fmt::format("must be {}, is {}", wanted, type_name(value));
  // What a person does about a field of a pod is said with the finding.
  if (unknown_ == Unknown::Fault) message += how_to_write(wanted);
  fault(std::move(message));
}

void Decoder::unknown_field(std::span<const std::string_view> known) {
  fault(fmt::format("is not known here; use one of {}", fmt::join(known, ", ")));
}

void Decoder::too_large() {
  fault(fmt::format("and what follows it is not read: the lists come to more than {} MiB",
                    kMaxWeight >> 20));
}

}  // namespace plimsoll::codec
