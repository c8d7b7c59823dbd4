// Verdict -> the AdmissionReview that answers, as bytes.
//
// Thread-safety: pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "plimsoll/result.h"
#include "plimsoll/review.h"
#include "plimsoll/verdict.h"

namespace plimsoll::codec {

/// What kube-apiserver does with warnings: past kTotal it cuts each to kEach characters.
/// Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/filters/warning.go.
struct WarningBudget {
  static constexpr std::size_t kTotal = 4096, kEach = 256;
};

/// A denial's message lists this many findings, and its causes this many, or fewer that come to
/// this many bytes; the message says how many there are. Beyond it nobody reads, and an answer must
/// stay within what the API server takes.
inline constexpr std::size_t kMaxMessageFindings = 50, kMaxCauses = 1000,
                             kMaxDenialBytes = 256 * 1024;

/// The answer to a review: `allowed`, the denial's status with one cause a finding, warnings within
/// kube-apiserver's budget with the most severe first, and audit annotations.
std::string encode_answer(const Review& review, const Verdict& verdict);

/// `{"error":"..."}`, the one line that answers what cannot be a review.
std::string encode_error(std::string_view message);

}  // namespace plimsoll::codec
