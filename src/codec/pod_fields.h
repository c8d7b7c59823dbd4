// The parts of a pod, for those who decode one that is not written as a PodTemplateSpec.
//
// Ownership: a RawPod owns its text. Thread-safety: stateless.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/decoder.h"
#include "codec/pod.h"
#include "plimsoll/pod.h"

namespace plimsoll::codec {

/// A container and what only its defaults need.
struct RawContainer : Container {
  std::vector<std::int32_t> container_ports;
};

/// The pod and what its decoding needs; the three container lists may come in any order.
struct RawPod : Pod {
  bool bare = false;  ///< a Pod, not a template
  std::vector<RawContainer> lists[3];

  std::vector<RawContainer>& list(ContainerKind kind) {
    return lists[static_cast<std::size_t>(kind)];
  }
};

/// Each reads what stands at the decoder's path. A list is appended to what there is of it.
void read_spec(Decoder& d, Json value, RawPod& out);
void read_metadata(Decoder& d, Json value, RawPod& out);
void read_security_context(Decoder& d, Json value, RawPod& out);
void read_volumes(Decoder& d, Json value, RawPod& out);
void read_container(Decoder& d, Json value, ContainerKind kind, RawPod& out);
void read_containers(Decoder& d, Json value, ContainerKind kind, RawPod& out);

/// What the decoded fields come to.
Pod finish(RawPod&& raw, Origin origin);

/// The members of an object, sorted by name.
using Members = std::vector<std::pair<std::string_view, Json>>;
Members members_of(simdjson::dom::object object);

/// Whether two values are the same, in whatever order their members stand. As deep as the parser.
bool same(Json a, Json b);

/// Reads a WorkflowSpec of Argo Workflows, and appends what its templates make pods of.
void read_workflow(Decoder& d, Json value, Origin origin, std::vector<Pod>& out);

/// Whether what is judged of two WorkflowSpecs is the same.
bool same_workflow(Json now, Json before);

}  // namespace plimsoll::codec
