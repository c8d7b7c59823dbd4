#include "codec/pod_templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "codec/files.h"
#include "plimsoll/review.h"
#include "text/yaml.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

// A decoder goes only so deep.
constexpr std::size_t kMostSteps = 16;

bool is_word(std::string_view text, std::string_view also) {
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || also.find(static_cast<char>(c)) != also.npos;
  });
}

/// `spec.replicaSpecs.*.template` as a JSON pointer.
std::optional<std::string> parse_path(std::string_view text) {
  std::string pointer;
  std::size_t steps = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const auto dot = std::min(text.find('.', at), text.size());
    const auto step = text.substr(at, dot - at);
    if (step == "*" ? steps == 0 : !is_word(step, "-_")) return std::nullopt;
    if (++steps > kMostSteps) return std::nullopt;
    pointer += '/';
    pointer += step;
    at = dot + 1;
  }
  return pointer;
}

using Places = std::vector<PodPlace>;

template <PodShape Shape>
void read_path(Decoder& d, Json value, Places& out) {
  std::string text;
  d.read(value, text);
  if (!value.is_string()) return;
  if (auto pointer = parse_path(text))
    out.push_back({*std::move(pointer), Shape});
  else
    d.fault(
        fmt::format("\"{}\" is no path; write steps with dots between them, as in spec.template "
                    "or spec.replicaSpecs.*.template, {} at most",
                    text, kMostSteps));
}

constexpr Field<Places> kShapes[] = {{"podSpec", read_path<PodShape::Spec>},
                                     {"workflow", read_path<PodShape::Workflow>}};

void read_place(Decoder& d, Json value, Places& out) {
  if (value.is_object())
    d.object(value, kShapes, out);
  else
    read_path<PodShape::Template>(d, value, out);
}

/// Splits `GROUP/KIND`.
std::optional<std::pair<std::string, std::string>> parse_kind(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto group = text.substr(0, slash), kind = text.substr(slash + 1);
  if (!is_word(group, "-.") || !is_word(kind, "")) return std::nullopt;
  return std::pair(std::string(group), std::string(kind));
}

}  // namespace

void read_pod_templates(Decoder& d, Json value, std::vector<PodTemplatesSpec>& out) {
  d.members(value, [&](std::string_view key, Json places) {
    PodTemplatesSpec spec;
    if (auto named = parse_kind(key))
      std::tie(spec.group, spec.kind) = *std::move(named);
    else
      d.fault(fmt::format("\"{}\" is not GROUP/KIND, as in kubeflow.org/PyTorchJob", key));
    if (!places_in(spec.group, spec.kind, {}).empty())
      d.fault("is one of Kubernetes' own kinds, which need no word here; leave it out");
    if (places.is_array())
      d.array(places, sizeof(PodPlace),
              [&](Json place, std::size_t) { read_place(d, place, spec.places); });
    else
      read_place(d, places, spec.places);
    if (spec.places.empty())
      d.fault(
          "says no place; write a path such as spec.template, or `podSpec: PATH` where the spec "
          "of a pod stands alone");
    if (std::ranges::any_of(out, [&](const PodTemplatesSpec& other) {
          return other.group == spec.group && other.kind == spec.kind;
        }))
      d.fault("stands there twice");
    out.push_back(std::move(spec));
  });
}

Result<std::vector<PodTemplatesSpec>> read_pod_templates(std::string_view text,
                                                         const std::string& file) {
  std::vector<PodTemplatesSpec> specs;
  text::YamlReader reader(text, file);
  simdjson::dom::parser parser;
  for (;;) {
    auto next = reader.next();
    if (!next) return next.error();
    if (!*next) break;
    const text::YamlDocument& document = **next;
    if (document.empty()) continue;
    const Json root = parser.parse(document.json()).value();
    if (Json kind; root.is_object() && root.at_key("kind").get(kind) == simdjson::SUCCESS) {
      auto configuration = read_configuration(text, file);
      if (!configuration) return configuration.error();
      specs = std::move(configuration->pod_templates);
      break;
    }
    std::vector<Fault> faults;
    Decoder decoder("", faults, Unknown::Fault);
    read_pod_templates(decoder, root, specs);
    if (!faults.empty()) return error_at(document, file, faults.front());
  }
  if (!specs.empty()) return specs;
  Error error;
  error.message = "says of no kind where its pods are";
  error.file = file;
  error.remedy =
      "write lines such as `kubeflow.org/PyTorchJob: spec.pytorchReplicaSpecs.*.template`";
  return error;
}

}  // namespace plimsoll::codec
