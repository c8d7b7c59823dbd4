// Decodes pods, and what workloads and custom resources make pods of.
//
// Thread-safety: stateless.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "codec/decoder.h"
#include "plimsoll/pod.h"
#include "plimsoll/pod_places.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

/// Where the object comes from.
enum class Origin : std::uint8_t {
  ApiServer,  ///< it is as the API server stores it: already defaulted
  Manifest,   ///< a person wrote it: the defaults that a check reads are filled in
};

/// Decodes what stands at the places in `object`, which itself stands at the JSON pointer `base`.
/// A place that the object leaves out, or sets to null, holds no pod. Appends to `faults` what
/// cannot be read, on the way to a place as well; the pods then hold the rest.
/// Defaults: kubernetes pkg/apis/core/v1 defaults.go, SetDefaults_Volume and, for a Pod itself,
/// SetDefaults_Pod with setHostNetworkPorts.
std::vector<Pod> decode_pods(Json object, std::string_view base, std::span<const PodPlace> places,
                             Origin origin, std::vector<Fault>& faults);

/// Whether what is judged of the pods is the same in both objects, in every field, and in whatever
/// order members stand. False where one of them cannot be compared: it lacks a place, or has one
/// twice.
bool same_pods(Json object, Json old_object, std::span<const PodPlace> places);

}  // namespace plimsoll::codec
