#include "codec/recording.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <utility>

#include "codec/decoder.h"
#include "codec/review.h"
#include "text/json_text.h"

namespace plimsoll::codec {
namespace {

namespace lazy = simdjson::ondemand;

// A parser keeps what its largest text took; past this it starts afresh.
constexpr std::size_t kKeepBytes = 1 << 20;

template <class T>
using Field = Decoder::Field<T>;

Error bad(std::string message) {
  Error error;
  error.message = std::move(message);
  return error;
}

Error not_json(simdjson::error_code error) {
  return bad(fmt::format("is not JSON that can be read: {}", simdjson::error_message(error)));
}

/// A member of an object that is looked for: a text, unescaped, or the JSON of what it holds.
struct Wanted {
  std::string_view name;
  std::string_view* to;
};

lazy::document iterate(lazy::parser& parser, std::string_view text) {
  return parser.iterate(text.data(), text.size(), text.size() + simdjson::SIMDJSON_PADDING);
}

/// Reads the members of an object. What is not wanted is passed over, and of another type than
/// text, object or array nothing is. Texts live until the parser is used again. Throws where it is
/// no JSON object, or a wanted member stands there twice.
template <std::size_t N>
void read_members(lazy::object object, const Wanted (&wanted)[N]) {
  static_assert(N <= 32);
  std::uint32_t seen = 0;
  for (auto member : object) {
    const std::string_view key = member.unescaped_key();
    std::size_t i = 0;
    while (i < N && wanted[i].name != key) ++i;
    if (i == N) continue;
    const std::uint32_t bit = std::uint32_t{1} << i;
    if ((seen & bit) != 0) throw simdjson::simdjson_error(simdjson::INCORRECT_TYPE);
    seen |= bit;
    lazy::value value = member.value();
    switch (lazy::json_type(value.type())) {
      case lazy::json_type::string:
        *wanted[i].to = value.get_string();
        break;
      case lazy::json_type::object:
        *wanted[i].to = lazy::object(value.get_object()).raw_json();
        break;
      case lazy::json_type::array:
        *wanted[i].to = lazy::array(value.get_array()).raw_json();
        break;
      default:
        break;
    }
  }
}

template <std::size_t N>
void read_members(lazy::parser& parser, std::string_view text, const Wanted (&wanted)[N]) {
  lazy::document document = iterate(parser, text);
  read_members(document.get_object(), wanted);
}

/// The members of a line that the three kinds of lines have.
struct Line {
  std::string_view kind, api_version, msg;
  std::string_view level, stage, verb, audit_id, uri, received, staged;
  std::string_view user, impersonated, object_ref, status, request_object, response_object;
  std::string_view annotations;
  std::string_view request, response;

  void read(lazy::parser& parser, std::string_view text) {
    lazy::document document = iterate(parser, text);
    read_members(document.get_object(), {{"kind", &kind},
                                         {"apiVersion", &api_version},
                                         {"level", &level},
                                         {"auditID", &audit_id},
                                         {"stage", &stage},
                                         {"requestURI", &uri},
                                         {"verb", &verb},
                                         {"user", &user},
                                         {"impersonatedUser", &impersonated},
                                         {"objectRef", &object_ref},
                                         {"responseStatus", &status},
                                         {"requestObject", &request_object},
                                         {"responseObject", &response_object},
                                         {"annotations", &annotations},
                                         {"requestReceivedTimestamp", &received},
                                         {"stageTimestamp", &staged},
                                         {"request", &request},
                                         {"response", &response},
                                         {"msg", &msg}});
    const char* rest = nullptr;
    if (document.current_location().get(rest) != simdjson::OUT_OF_BOUNDS)
      throw simdjson::simdjson_error(simdjson::TAPE_ERROR);
  }
};

// --- patches -------------------------------------------------------------------------------------

std::string_view first_step(std::string_view pointer) {
  return pointer.substr(1, std::min(pointer.find('/', 1), pointer.size()) - 1);
}

/// Whether a merge patch may change what stands at the pointer. A member with a dollar tells how to
/// merge, which may take away the rest.
bool merge_touches(Json patch, std::string_view pointer) {
  simdjson::dom::object members;
  if (pointer.empty() || patch.get(members) != simdjson::SUCCESS) return true;
  const auto step = first_step(pointer);
  if (step == "*") return true;
  const auto rest = pointer.substr(step.size() + 1);
  return std::ranges::any_of(members, [&](const auto& member) {
    return member.key.starts_with('$') || (member.key == step && merge_touches(member.value, rest));
  });
}

/// Whether one of two pointers is, or is inside of, the other.
bool overlap(std::string_view a, std::string_view b) {
  const auto [less, more] = std::minmax(a, b, [](auto x, auto y) { return x.size() < y.size(); });
  return more.starts_with(less) && (more.size() == less.size() || more[less.size()] == '/');
}

/// Whether one of the operations of RFC 6902 may change what stands at the pointer.
bool operations_touch(simdjson::dom::array operations, std::string_view pointer) {
  pointer = pointer.substr(0, pointer.find("/*"));
  return std::ranges::any_of(operations, [&](Json operation) {
    std::string_view path, from;
    if (operation["path"].get(path) != simdjson::SUCCESS) return true;
    const bool moves = operation["from"].get(from) == simdjson::SUCCESS;
    return overlap(path, pointer) || (moves && overlap(from, pointer));
  });
}

/// Whether a patch may change what the object is judged by. What is applied server-side, and names
/// its kind, may also take away what it leaves out.
bool touches(simdjson::dom::parser& parser, std::string_view patch, const JudgedKind& judged) {
  Json root, ignored;
  if (patch.empty() || parser.parse(patch.data(), patch.size()).get(root) != simdjson::SUCCESS)
    return true;
  simdjson::dom::array operations;
  const bool list = root.get(operations) == simdjson::SUCCESS;
  if (!list && root["kind"].get(ignored) == simdjson::SUCCESS) return true;
  return std::ranges::any_of(judged.places, [&](const PodPlace& place) {
    const std::string_view pointer =
        place.shape == PodShape::Pod ? std::string_view("/spec") : place.path;
    return list ? operations_touch(operations, pointer) : merge_touches(root, pointer);
  });
}

// --- decisions -----------------------------------------------------------------------------------

struct Decision : RequestFacts {
  std::string time, operation_name;
  bool allowed = false;
  std::vector<LoggedJudgement> judged;
};

struct LoggedViolation {
  std::string check, path, message;
};
constexpr Field<LoggedViolation> kViolation[] = {
    {"check", plain<&LoggedViolation::check>::read},
    {"path", plain<&LoggedViolation::path>::read},
    {"message", plain<&LoggedViolation::message>::read}};

void read_violations(Decoder& d, Json value, LoggedJudgement& out) {
  d.array(value, sizeof(Violation), [&](Json element, std::size_t) {
    LoggedViolation one;
    d.object(element, kViolation, one);
    const Check* check = find_check(one.check);
    if (one.check == kUnreadableField.id) check = &kUnreadableField;
    // A check of another version of Plimsoll still counts, but cannot be told of.
    if (check == nullptr) return;
    out.violations.push_back({check, {std::move(one.path), std::move(one.message)}, {}});
  });
}

constexpr Field<LoggedJudgement> kJudgement[] = {
    {"mode",
     [](Decoder& d, Json v, LoggedJudgement& out) {
       std::string name;
       d.read(v, name);
       if (const auto mode = parse_mode(name))
         out.mode = *mode;
       else
         d.fault("must be enforce, warn or audit");
     }},
    {"template", plain<&LoggedJudgement::template_ref>::read},
    {"findings",
     [](Decoder& d, Json v, LoggedJudgement& out) {
       std::int64_t count = 0;
       d.read(v, count);
       out.findings = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
     }},
    {"violations", read_violations}};

constexpr Field<Decision> kDecision[] = {
    {"time", plain<&Decision::time>::read},
    {"uid", plain<&RequestFacts::uid>::read},
    {"allowed", plain<&Decision::allowed>::read},
    {"operation", plain<&Decision::operation_name>::read},
    {"group", plain<&RequestFacts::group>::read},
    {"resource", plain<&RequestFacts::resource>::read},
    {"subresource", plain<&RequestFacts::subresource>::read},
    {"kind", plain<&RequestFacts::kind>::read},
    {"namespace", plain<&RequestFacts::namespace_name>::read},
    {"name", plain<&RequestFacts::name>::read},
    {"user", plain<&RequestFacts::user>::read},
    {"requestDryRun", plain<&RequestFacts::dry_run>::read},
    {"judgements", [](Decoder& d, Json v, Decision& out) {
       d.array(v, sizeof(LoggedJudgement), [&](Json element, std::size_t) {
         d.object(element, kJudgement, out.judged.emplace_back());
       });
     }}};

Operation operation_of(std::string_view name) {
  return name == "CREATE"    ? Operation::Create
         : name == "UPDATE"  ? Operation::Update
         : name == "DELETE"  ? Operation::Delete
         : name == "CONNECT" ? Operation::Connect
                             : Operation::Other;
}

// --- answers -------------------------------------------------------------------------------------

/// The answer that a response's status is. Denials name the webhook that they are of. Source:
/// kubernetes staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go.
Answer answer_of(std::int64_t code, std::string_view message) {
  constexpr std::string_view kWebhook = "admission webhook \"", kDenied = "\" denied the request";
  if (code >= 200 && code < 300) return Answer::Allowed;
  if (code == 0) return Answer::Unknown;
  const auto name = message.find(kWebhook);
  if (name == std::string_view::npos) return Answer::Failed;
  const auto end = message.find(kDenied, name);
  const auto ours = message.find("plimsoll", name);
  return end != std::string_view::npos && ours < end ? Answer::Denied : Answer::Failed;
}

constexpr std::string_view kNoObject = "hold no object (audit level Metadata)",
                           kPatch =
                               "are patches of which only the change was recorded (audit level "
                               "Request, or only metadata was asked for)",
                           kTruncated =
                               "hold no object: the API server has cut what is too large for its "
                               "audit log (--audit-log-truncate-max-event-size)",
                           kOtherKind = "hold what is not of the kind that was asked for";

}  // namespace

class RecordingReader::Impl {
 public:
  Result<std::optional<Recorded>> read(std::string_view text, const PodPlaces& custom) {
    struct Release {
      Impl& of;
      std::size_t size;
      ~Release() {
        if (size <= kKeepBytes) return;
        of.line_ = lazy::parser();
        of.part_ = lazy::parser();
        of.patch_ = simdjson::dom::parser();
        of.review_ = {};
        of.reviews_ = {};
      }
    } const release{*this, text.size()};
    try {
      Line line;
      line.read(line_, text);
      if (line.kind == "Event" && line.api_version.starts_with("audit.k8s.io/"))
        return event(line, custom);
      if (line.kind == "AdmissionReview") return review(line, text, custom);
      if (line.msg == "decision") return decision(text, custom);
      // The server's own words stand in its log as well.
      if (!line.msg.empty()) return std::optional<Recorded>();
    } catch (const simdjson::simdjson_error& error) {
      return not_json(error.error());
    }
    return bad("is no event of an audit log, no decision of Plimsoll and no AdmissionReview");
  }

 private:
  Result<std::optional<Recorded>> event(const Line& line, const PodPlaces& custom) {
    const bool complete = line.stage == "ResponseComplete";
    if (!complete && line.stage != "Panic") return std::optional<Recorded>();
    const bool patch = line.verb == "patch", create = line.verb == "create";
    if ((!patch && !create && line.verb != "update") || line.object_ref.empty())
      return std::optional<Recorded>();

    std::string_view resource, group, api_version, subresource, namespace_name, name;
    read_members(part_, line.object_ref,
                 {{"resource", &resource},
                  {"apiGroup", &group},
                  {"apiVersion", &api_version},
                  {"subresource", &subresource},
                  {"namespace", &namespace_name},
                  {"name", &name}});
    Recorded out;
    RequestFacts& facts = out.review.facts;
    facts.operation = create ? Operation::Create : Operation::Update;
    facts.group = group;
    facts.resource = resource;
    facts.subresource = subresource;
    facts.namespace_name = namespace_name;
    facts.name = name;
    facts.dry_run = line.uri.find("dryRun=All") != std::string_view::npos;
    const std::string version(api_version);  // what was read goes with the next part
    // Which kind a custom resource is of, its objects say.
    const bool may_be_custom = subresource.empty() && group.find('.') != std::string_view::npos;
    std::string response_kind, request_kind;
    if (may_be_custom) {
      request_kind = kind_of(line.request_object);
      response_kind = kind_of(line.response_object);
      const bool of_other = response_kind == "Status" || response_kind == "PartialObjectMetadata";
      facts.kind = response_kind.empty() || of_other ? request_kind : response_kind;
    }
    out.review.scope = scope_of(facts, custom);
    if (out.review.scope == Scope::NotOurs) return std::optional<Recorded>();

    out.answer = complete ? answer(line.status) : Answer::Failed;
    if (line.status.empty() && complete) out.answer = Answer::Unknown;
    // A write of what is not there yet makes it.
    if (out.answer == Answer::Allowed && code_ == 201) facts.operation = Operation::Create;
    out.id = line.audit_id;
    out.time = line.received.empty() ? line.staged : line.received;
    out.answered = line.staged;
    if (!may_be_custom) {
      request_kind = kind_of(line.request_object);
      response_kind = kind_of(line.response_object);
    }
    const JudgedKind judged = judged_kind(facts, custom);
    const std::string_view kind =
        out.review.scope == Scope::Namespace ? std::string_view("Namespace") : judged.kind;
    const bool refused = out.answer == Answer::Denied || out.answer == Answer::Failed;
    if (!refused && response_kind == kind) {
      out.object = line.response_object;
      facts.kind = response_kind;
    } else if (!patch && !line.request_object.empty()) {
      out.object = line.request_object;
      out.as_sent = true;
      facts.kind = request_kind.empty() ? std::string(kind) : request_kind;
    }
    if (out.object.empty() || facts.kind != kind) {
      if (out.review.scope != Scope::Namespace && !refused && patch &&
          facts.operation == Operation::Update && !line.request_object.empty() &&
          !touches(patch_, line.request_object, judged))
        out.review.unchanged = true;  // whatever it is
      else
        out.unjudgeable = why_not(line, patch);
      return std::optional(std::move(out));
    }

    auto review = reviews_.decode(compose(line, facts, version, out.object), custom);
    if (!review) return review.error();
    out.review = *std::move(review);
    if (facts_of(out).operation == Operation::Update && out.review.scope != Scope::Namespace) {
      // What was there before is not recorded. A patch tells what it leaves alone; a resize leaves
      // all but resources, and images are what counts of an update.
      // Source: kubernetes pkg/registry/core/pod/strategy.go, podResizeStrategy.
      if (out.review.scope == Scope::Pod && subresource_is(out, "resize"))
        out.review.old_pods = out.review.pods;
      else if (patch && !touches(patch_, line.request_object, judged_kind(facts_of(out), custom)))
        out.review.unchanged = true;
      else
        out.old_unknown = true;
    }
    return std::optional(std::move(out));
  }

  static const RequestFacts& facts_of(const Recorded& recorded) { return recorded.review.facts; }
  static bool subresource_is(const Recorded& recorded, std::string_view name) {
    return facts_of(recorded).subresource == name;
  }

  /// Why there is no object to judge.
  std::string_view why_not(const Line& line, bool patch) {
    if (!line.request_object.empty()) return patch ? kPatch : kOtherKind;
    std::string_view truncated;
    if (!line.annotations.empty())
      read_members(part_, line.annotations, {{"audit.k8s.io/truncated", &truncated}});
    return truncated == "true" ? kTruncated : kNoObject;
  }

  std::string kind_of(std::string_view object) {
    std::string_view kind;
    if (object.starts_with('{')) read_members(part_, object, {{"kind", &kind}});
    return std::string(kind);
  }

  Answer answer(std::string_view status) {
    code_ = 0;
    if (status.empty()) return Answer::Unknown;
    std::string_view message;
    read_members(part_, status, {{"message", &message}});
    lazy::document document = iterate(part_, status);
    std::int64_t code = 0;
    if (document["code"].get(code) == simdjson::SUCCESS) code_ = code;
    if (code_ >= 200 && code_ < 300) return Answer::Allowed;
    const std::string kept(message);
    return answer_of(code_, kept);
  }

  /// The review that the webhook would have been sent.
  const std::string& compose(const Line& line, const RequestFacts& facts, std::string_view version,
                             std::string_view object) {
    std::string& out = review_;
    const auto member = [&](std::string_view name, std::string_view text) {
      out += name;
      text::append_string(out, text);
    };
    out = R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{)";
    member(R"("uid":)", line.audit_id.empty() ? "unknown" : line.audit_id);
    member(R"(,"kind":{"group":)", facts.group);
    member(R"(,"version":)", version);
    member(R"(,"kind":)", facts.kind);
    member(R"(},"resource":{"group":)", facts.group);
    member(R"(,"version":)", version);
    member(R"(,"resource":)", facts.resource);
    member(R"(},"subResource":)", facts.subresource);
    member(R"(,"name":)", facts.name);
    member(R"(,"namespace":)", facts.namespace_name);
    member(R"(,"operation":)", facts.operation == Operation::Create ? "CREATE" : "UPDATE");
    out += facts.dry_run ? R"(,"dryRun":true)" : "";
    const auto user = line.impersonated.empty() ? line.user : line.impersonated;
    if (!user.empty()) (out += R"(,"userInfo":)") += user;
    ((out += R"(,"object":)") += object) += "}}";
    return out;
  }

  Result<std::optional<Recorded>> review(const Line& line, std::string_view text,
                                         const PodPlaces& custom) {
    auto decoded = reviews_.decode(text, custom);
    if (!decoded) return decoded.error();
    if (decoded->scope == Scope::NotOurs) return std::optional<Recorded>();
    Recorded out;
    out.review = *std::move(decoded);
    out.id = out.review.facts.uid;
    std::string_view before;
    read_members(part_, line.request, {{"object", &out.object}, {"oldObject", &before}});
    out.old_unknown = out.review.facts.operation == Operation::Update && before.empty();
    if (!line.response.empty()) {
      lazy::document response = iterate(part_, line.response);
      bool allowed = false;
      if (response["allowed"].get(allowed) == simdjson::SUCCESS)
        out.answer = allowed ? Answer::Allowed : Answer::Denied;
    }
    return std::optional(std::move(out));
  }

  Result<std::optional<Recorded>> decision(std::string_view text, const PodPlaces& custom) {
    Json root;
    if (const auto error = patch_.parse(text.data(), text.size()).get(root)) return not_json(error);
    std::vector<Fault> faults;
    Decision decision;
    Decoder("", faults).object(root, kDecision, decision);
    if (!faults.empty())
      return bad(fmt::format("{} {}", faults.front().path, faults.front().message));
    decision.operation = operation_of(decision.operation_name);
    Recorded out;
    out.decision = true;
    out.answer = decision.allowed ? Answer::Allowed : Answer::Denied;
    out.time = std::move(decision.time);
    out.answered = out.time;
    out.judged = std::move(decision.judged);
    out.id = decision.uid;
    out.review.facts = std::move(static_cast<RequestFacts&>(decision));
    out.review.scope = scope_of(out.review.facts, custom);
    if (out.review.scope != Scope::Pod && out.review.scope != Scope::Workload)
      return std::optional<Recorded>();
    return std::optional(std::move(out));
  }

  lazy::parser line_, part_;
  simdjson::dom::parser patch_;
  std::string review_;
  ReviewDecoder reviews_;
  std::int64_t code_ = 0;  // of the response whose answer was asked for last
};

RecordingReader::RecordingReader() : impl_(std::make_unique<Impl>()) {}
RecordingReader::~RecordingReader() = default;
RecordingReader::RecordingReader(RecordingReader&&) noexcept = default;
RecordingReader& RecordingReader::operator=(RecordingReader&&) noexcept = default;

Result<std::optional<Recorded>> RecordingReader::read(std::string_view line,
                                                      const PodPlaces& custom) {
  return impl_->read(line, custom);
}

}  // namespace plimsoll::codec
