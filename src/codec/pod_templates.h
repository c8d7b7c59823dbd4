// Where custom resources hold pods, as it is written: `podTemplates` of a configuration, a file of
// its own, and the list that comes with Plimsoll.
//
// Thread-safety: stateless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/decoder.h"
#include "plimsoll/pod_places.h"
#include "plimsoll/result.h"

namespace plimsoll::codec {

/// A custom kind, and where its objects hold pods.
struct PodTemplatesSpec {
  std::string group, kind;
  std::vector<PodPlace> places;
};

/// Reads the mapping of `GROUP/KIND` to a path or a list of paths.
void read_pod_templates(Decoder& d, Json value, std::vector<PodTemplatesSpec>& out);

/// Of a text that holds the mapping, or a Configuration with the key `podTemplates`. Errors name
/// line and field.
Result<std::vector<PodTemplatesSpec>> read_pod_templates(std::string_view text,
                                                         const std::string& file);

/// The mapping that comes with Plimsoll.
std::string_view builtin_pod_templates();

}  // namespace plimsoll::codec
