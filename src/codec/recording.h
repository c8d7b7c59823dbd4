// Recorded requests: lines of a kube-apiserver's audit log, of Plimsoll's own decision log, and
// AdmissionReviews -> what the webhook was or would have been asked.
//
// Sources: k8s.io/apiserver pkg/apis/audit/v1 types.go. Thread-safety: a reader is for one thread;
// it keeps its buffers from one line to the next, and lets them go after a large one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/result.h"
#include "plimsoll/review.h"
#include "plimsoll/verdict.h"

namespace plimsoll::codec {

/// What became of a request when it was made.
enum class Answer : std::uint8_t {
  Unknown,  ///< nothing says
  Allowed,
  Denied,  ///< by Plimsoll
  Failed,  ///< for another reason: by somebody else, or by the API server itself
};

/// What a line of the decision log says that one template found.
struct LoggedJudgement {
  Mode mode = Mode::Enforce;
  std::string template_ref;
  std::size_t findings = 0;
  std::vector<Violation> violations;  ///< the first of them, without edits
};

/// A request about a pod, a workload or a namespace.
struct Recorded {
  Review review;  ///< only the facts and the scope, if `unjudgeable` says why there is no more
  Answer answer = Answer::Unknown;
  /// Why it cannot be judged, to stand behind a number of requests; a literal. Empty: it can be.
  std::string_view unjudgeable;
  bool decision = false;     ///< of a decision log: `judged` is all that is known
  bool as_sent = false;      ///< what mutating admission made of the object is not in it
  bool old_unknown = false;  ///< an UPDATE that may have left alone all that is judged
  std::string id;            ///< the event's `auditID`, or the review's uid
  std::string time;          ///< RFC 3339; empty: it was not written down
  std::string answered;      ///< the same of the answer; one API server's log is in its order
  std::string_view object;   ///< the object's JSON, in the line
  std::vector<LoggedJudgement> judged;
};

class RecordingReader {
 public:
  RecordingReader();
  ~RecordingReader();
  RecordingReader(RecordingReader&&) noexcept;
  RecordingReader& operator=(RecordingReader&&) noexcept;

  /// Reads one JSON text. Nothing: it is about something that is not judged, which costs next to
  /// nothing. An error: it is not JSON, or none of the three. `custom`: the custom kinds that are
  /// judged. Behind `line` there must be simdjson::SIMDJSON_PADDING bytes that may be read.
  Result<std::optional<Recorded>> read(std::string_view line, const PodPlaces& custom);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll::codec
