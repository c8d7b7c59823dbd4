#include "codec/review.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "codec/decoder.h"
#include "codec/pod.h"

namespace plimsoll::codec {
namespace {

constexpr std::string_view kReviewKind = "AdmissionReview", kReviewVersion = "admission.k8s.io/v1";

// A parser keeps what its largest document took; past this it starts afresh after the document.
constexpr std::size_t kKeepBytes = 1 << 20;

/// The request with its objects still in the document.
struct RawRequest : RequestFacts {
  bool has_resource = false;
  Json object, old_object;
  bool has_object = false, has_old_object = false;
};

template <class T>
using Field = Decoder::Field<T>;

constexpr Field<RequestFacts> kResource[] = {{"group", plain<&RequestFacts::group>::read},
                                             {"resource", plain<&RequestFacts::resource>::read}};
constexpr Field<RequestFacts> kKind[] = {{"kind", plain<&RequestFacts::kind>::read}};
constexpr Field<RequestFacts> kUser[] = {{"username", plain<&RequestFacts::user>::read},
                                         {"groups", plain<&RequestFacts::groups>::read}};

Operation operation_of(std::string_view name) {
  return name == "CREATE"    ? Operation::Create
         : name == "UPDATE"  ? Operation::Update
         : name == "DELETE"  ? Operation::Delete
         : name == "CONNECT" ? Operation::Connect
                             : Operation::Other;
}

void read_operation(Decoder& d, Json value, RawRequest& out) {
  std::string name;
  d.read(value, name);
  out.operation = operation_of(name);
}

constexpr Field<RawRequest> kRequest[] = {
    {"uid", plain<&RequestFacts::uid>::read},
    {"kind", [](Decoder& d, Json v,
                RawRequest& out) { d.object(v, kKind, static_cast<RequestFacts&>(out)); }},
    {"resource",
     [](Decoder& d, Json v, RawRequest& out) {
       out.has_resource = true;
       d.object(v, kResource, static_cast<RequestFacts&>(out));
     }},
    {"subResource", plain<&RequestFacts::subresource>::read},
    {"name", plain<&RequestFacts::name>::read},
    {"namespace", plain<&RequestFacts::namespace_name>::read},
    {"operation", read_operation},
    {"userInfo", [](Decoder& d, Json v,
                    RawRequest& out) { d.object(v, kUser, static_cast<RequestFacts&>(out)); }},
    {"dryRun", plain<&RequestFacts::dry_run>::read},
    {"object",
     [](Decoder&, Json v, RawRequest& out) {
       out.object = v;
       out.has_object = true;
     }},
    {"oldObject", [](Decoder&, Json v, RawRequest& out) {
       out.old_object = v;
       out.has_old_object = true;
     }}};

struct Envelope {
  std::string api_version, kind;
  Json request;
  bool has_request = false;
};

constexpr Field<Envelope> kEnvelope[] = {{"apiVersion", plain<&Envelope::api_version>::read},
                                         {"kind", plain<&Envelope::kind>::read},
                                         {"request", [](Decoder&, Json v, Envelope& out) {
                                            out.request = v;
                                            out.has_request = true;
                                          }}};

Error bad(std::string_view field, std::string message, std::string_view remedy = "") {
  Error error;
  error.message = std::move(message);
  error.field = field;
  error.remedy = remedy;
  return error;
}

Error from_fault(const Fault& fault) {
  return bad(fault.path.empty() ? "AdmissionReview" : fault.path, fault.message);
}

struct TypeMeta {
  std::string kind;
};
constexpr Field<TypeMeta> kTypeMeta[] = {{"kind", plain<&TypeMeta::kind>::read}};

/// The pods in an object of a judged resource.
std::vector<Pod> pods_of(const RequestFacts& facts, const JudgedKind& judged, Json object,
                         std::vector<Fault>& faults) {
  TypeMeta meta;
  Decoder(std::string_view{}, faults).object(object, kTypeMeta, meta);
  // Most objects do not say their kind; the request does.
  for (const std::string& kind : {meta.kind, facts.kind})
    if (!kind.empty() && kind != judged.kind) {
      faults.push_back({"/kind", fmt::format("must be \"{}\", is \"{}\"", judged.kind, kind)});
      break;
    }
  return decode_pods(object, "", judged.places,
                     judged.defaulted ? Origin::ApiServer : Origin::Manifest, faults);
}

constexpr Field<Labels> kNamespaceMetadata[] = {
    {"labels", [](Decoder& d, Json v, Labels& out) {
       d.members(v, [&](std::string_view key, Json text) {
         std::string value;
         d.read(text, value);
         if (!out.emplace(key, std::move(value)).second) d.fault("stands there twice");
       });
     }}};
constexpr Field<Labels> kNamespace[] = {
    {"metadata", [](Decoder& d, Json v, Labels& out) { d.object(v, kNamespaceMetadata, out); }}};

/// Whether the text is no JSON at all; else it is more than the parser can hold.
bool malformed(simdjson::error_code error) {
  using namespace simdjson;
  constexpr error_code kMalformed[] = {TAPE_ERROR,   STRING_ERROR,    T_ATOM_ERROR,
                                       F_ATOM_ERROR, N_ATOM_ERROR,    UTF8_ERROR,
                                       EMPTY,        UNESCAPED_CHARS, UNCLOSED_STRING};
  return std::ranges::find(kMalformed, error) != std::end(kMalformed);
}

/// The facts of a request with an object that the parser cannot hold, such as a custom resource
/// with a number beyond 64 bits; none where it cannot be told for certain what the request is
/// about.
std::optional<RequestFacts> facts_alone(std::string_view body) {
  namespace lazy = simdjson::ondemand;
  RequestFacts facts;
  std::string api_version, kind, operation;
  // Each member may stand once: two readers could take another for the one that counts.
  std::vector<const std::string*> seen;
  const auto once = [&](const std::string& place) {
    if (std::ranges::find(seen, &place) != seen.end())
      throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
    seen.push_back(&place);
  };
  const auto read = [&](lazy::value value, std::string& out) {
    once(out);
    if (!value.is_null()) out = std::string_view(value);
  };
  const auto each = [](lazy::object object, auto visit) {
    for (auto member : object) {
      const std::string_view key = member.unescaped_key();
      visit(key, lazy::value(member.value()));
    }
  };
  const std::string request, resource, kind_of_object;  // only their places are used
  try {
    const simdjson::padded_string padded(body);
    lazy::parser parser;
    lazy::document document = parser.iterate(padded);
    each(document.get_object(), [&](std::string_view key, lazy::value value) {
      if (key == "apiVersion") read(value, api_version);
      if (key == "kind") read(value, kind);
      if (key != "request") return;
      once(request);
      each(value.get_object(), [&](std::string_view name, lazy::value part) {
        if (name == "uid") read(part, facts.uid);
        if (name == "operation") read(part, operation);
        if (name == "subResource") read(part, facts.subresource);
        if (name != "resource" && name != "kind") return;
        once(name == "kind" ? kind_of_object : resource);
        each(part.get_object(), [&](std::string_view of, lazy::value text) {
          if (name == "kind" && of == "kind") read(text, facts.kind);
          if (name == "resource" && of == "group") read(text, facts.group);
          if (name == "resource" && of == "resource") read(text, facts.resource);
        });
      });
    });
    const char* rest = nullptr;
    if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS) return std::nullopt;
  } catch (const simdjson::simdjson_error&) {
    return std::nullopt;
  }
  facts.operation = operation_of(operation);
  const bool certain = kind == kReviewKind && api_version == kReviewVersion && !facts.uid.empty() &&
                       !facts.resource.empty() && !operation.empty();
  return certain ? std::optional(std::move(facts)) : std::nullopt;
}

}  // namespace

struct ReviewDecoder::Buffers {
  simdjson::dom::parser parser;
};

ReviewDecoder::ReviewDecoder() : buffers_(std::make_unique<Buffers>()) {}
ReviewDecoder::~ReviewDecoder() = default;
ReviewDecoder::ReviewDecoder(ReviewDecoder&&) noexcept = default;
ReviewDecoder& ReviewDecoder::operator=(ReviewDecoder&&) noexcept = default;

Result<Review> ReviewDecoder::decode(std::string_view body, const PodPlaces& custom) {
  Json root;
  if (const auto error = buffers_->parser.parse(body.data(), body.size()).get(root)) {
    if (body.size() > kKeepBytes) buffers_ = std::make_unique<Buffers>();
    // What is not ours is let through even so: nothing in it is judged.
    if (!malformed(error))
      if (auto facts = facts_alone(body); facts && scope_of(*facts, custom) == Scope::NotOurs)
        return Review{.facts = *std::move(facts)};
    return bad("body",
               fmt::format("is not JSON that can be read: {}", simdjson::error_message(error)),
               "send an AdmissionReview of admission.k8s.io/v1 as JSON");
  }
  struct Release {
    std::unique_ptr<Buffers>& buffers;
    std::size_t size;
    ~Release() {
      if (size > kKeepBytes) buffers = std::make_unique<Buffers>();
    }
  } const release{buffers_, body.size()};

  std::vector<Fault> faults;
  Envelope envelope;
  Decoder decoder("", faults);
  decoder.object(root, kEnvelope, envelope);
  if (!faults.empty()) return from_fault(faults.front());
  if (envelope.kind != kReviewKind)
    return bad("kind", fmt::format("must be \"{}\", is \"{}\"", kReviewKind, envelope.kind));
  if (envelope.api_version != kReviewVersion)
    return bad("apiVersion",
               fmt::format("must be \"{}\", is \"{}\"", kReviewVersion, envelope.api_version),
               "set admissionReviewVersions: [v1] in the webhook's registration");
  if (!envelope.has_request) return bad("request", "is missing");

  RawRequest request;
  Decoder("/request", faults).object(envelope.request, kRequest, request);
  if (!faults.empty()) return from_fault(faults.front());
  if (request.uid.empty()) return bad("request.uid", "is missing");
  if (!request.has_resource || request.resource.empty())
    return bad("request.resource", "is missing");

  Review review;
  review.facts = std::move(static_cast<RequestFacts&>(request));
  review.scope = scope_of(review.facts, custom);
  if (review.scope == Scope::NotOurs) return review;
  if (!request.has_object) review.faults.push_back({"", "request.object is missing"});
  if (review.scope == Scope::Namespace) {
    Decoder labels("", review.faults);
    if (request.has_object) labels.object(request.object, kNamespace, review.labels);
    if (request.has_old_object) labels.object(request.old_object, kNamespace, review.old_labels);
    if (!review.faults.empty()) return from_fault(review.faults.front());
    return review;
  }
  const JudgedKind judged = judged_kind(review.facts, custom);
  if (request.has_object)
    review.pods = pods_of(review.facts, judged, request.object, review.faults);
  if (review.facts.operation == Operation::Update && request.has_object && request.has_old_object) {
    std::vector<Fault> old_faults;
    auto old_pods = pods_of(review.facts, judged, request.old_object, old_faults);
    if (old_faults.empty()) review.old_pods = std::move(old_pods);
    review.unchanged = same_pods(request.object, request.old_object, judged.places);
  }
  return review;
}

}  // namespace plimsoll::codec
