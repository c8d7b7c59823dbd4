// Decodes a pod, or the pod template of a workload.
//
// Thread-safety: stateless.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "codec/decoder.h"
#include "plimsoll/pod.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

/// Where the object comes from.
enum class Origin : std::uint8_t {
  ApiServer,  ///< it is as the API server stores it: already defaulted
  Manifest,   ///< a person wrote it: the defaults that a check reads are filled in
};

/// Decodes the pod in `object`, which stands at the JSON pointer `base`: the object itself, or the
/// pod template (with `metadata` and `spec`) at `template_path` below it. Empty: the object has no
/// template. Appends to `faults` what cannot be read; the pod then holds the rest.
/// Defaults: kubernetes pkg/apis/core/v1 defaults.go, SetDefaults_Volume and, for a Pod itself,
/// SetDefaults_Pod with setHostNetworkPorts.
std::optional<Pod> decode_pod_in(Json object, std::string_view base, std::string_view template_path,
                                 Origin origin, std::vector<Fault>& faults);

}  // namespace plimsoll::codec
