// AdmissionReview requests: bytes -> Review.
//
// Thread-safety: a ReviewDecoder is for one thread; it keeps its buffers from one review to the
// next, and lets them go after a large one.
#pragma once

#include <memory>
#include <string_view>

#include "plimsoll/result.h"
#include "plimsoll/review.h"

namespace plimsoll::codec {

class ReviewDecoder {
 public:
  ReviewDecoder();
  ~ReviewDecoder();
  ReviewDecoder(ReviewDecoder&&) noexcept;
  ReviewDecoder& operator=(ReviewDecoder&&) noexcept;

  /// Decodes an `AdmissionReview` of `admission.k8s.io/v1`. `custom`: the custom kinds that are
  /// judged. `body` is only read during the call.
  /// An error means that nothing can be answered to it (not JSON, another kind or version, no
  /// request, no uid, ...); what is wrong with the object under review is in Review::faults.
  Result<Review> decode(std::string_view body, const PodPlaces& custom);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace plimsoll::codec
