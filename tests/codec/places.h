// The custom kinds that come with Plimsoll, for tests.
#pragma once

#include <gtest/gtest.h>

#include "codec/pod_templates.h"

namespace plimsoll::codec {

inline PodPlaces places_of(std::string_view text) {
  PodPlaces places;
  auto read = read_pod_templates(text, "places.yaml");
  if (read)
    for (auto& spec : *read) places.set(spec.group, spec.kind, std::move(spec.places));
  else
    ADD_FAILURE() << read.error().to_string();
  return places;
}

inline const PodPlaces& builtin_places() {
  static const PodPlaces kPlaces = places_of(builtin_pod_templates());
  return kPlaces;
}

}  // namespace plimsoll::codec
