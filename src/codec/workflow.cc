// What the templates of an Argo workflow make pods of.
//
// A template is merged with the workflow's `templateDefaults`; some of its pod's fields stand in
// the workflow. Source: argoproj/argo-workflows workflow/controller/operator.go,
// mergedTemplateDefaultsInto, and workflowpod.go, createWorkflowPod.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "codec/pod_fields.h"
#include "plimsoll/pointer.h"
#include "text/json_text.h"

namespace plimsoll::codec {
namespace {

template <class T>
using Field = Decoder::Field<T>;

using Part = std::optional<Json>;

/// A table entry that keeps a member for later.
template <auto Member>
struct keep;
template <class T, Part T::* Member>
struct keep<Member> {
  static void read(Decoder&, Json value, T& out) { out.*Member = value; }
};

constexpr std::string_view kPatch = "podSpecPatch";
constexpr std::string_view kMain = "main";  // what Argo calls a container without a name

struct RawWorkflow {
  Part templates, defaults, volumes, security_context, host_network, automount, metadata, patch;
  Part artifact_gc;
};
constexpr Field<RawWorkflow> kWorkflow[] = {
    {"templates", keep<&RawWorkflow::templates>::read},
    {"templateDefaults", keep<&RawWorkflow::defaults>::read},
    {"volumes", keep<&RawWorkflow::volumes>::read},
    {"securityContext", keep<&RawWorkflow::security_context>::read},
    {"hostNetwork", keep<&RawWorkflow::host_network>::read},
    {"automountServiceAccountToken", keep<&RawWorkflow::automount>::read},
    {"podMetadata", keep<&RawWorkflow::metadata>::read},
    {"artifactGC", keep<&RawWorkflow::artifact_gc>::read},
    {kPatch, keep<&RawWorkflow::patch>::read}};

struct RawTemplate {
  Part container, script, container_set, init_containers, sidecars, volumes;
  Part security_context, automount, metadata, patch;
};
constexpr Field<RawTemplate> kTemplate[] = {
    {"container", keep<&RawTemplate::container>::read},
    {"script", keep<&RawTemplate::script>::read},
    {"containerSet", keep<&RawTemplate::container_set>::read},
    {"initContainers", keep<&RawTemplate::init_containers>::read},
    {"sidecars", keep<&RawTemplate::sidecars>::read},
    {"volumes", keep<&RawTemplate::volumes>::read},
    {"securityContext", keep<&RawTemplate::security_context>::read},
    {"automountServiceAccountToken", keep<&RawTemplate::automount>::read},
    {"metadata", keep<&RawTemplate::metadata>::read},
    {kPatch, keep<&RawTemplate::patch>::read}};

/// What makes a template one that becomes a pod; what resource and data run is Argo's own, beside
/// the template's sidecars. Defaults do not make it one.
constexpr std::array<std::string_view, 5> kTypes = {"container", "script", "containerSet",
                                                    "resource", "data"};

// --- templateDefaults ----------------------------------------------------------------------------

/// Of the lists that checks read those which are merged, and the member that tells their elements
/// apart; other lists are taken whole. Source: the patchMergeKey of argo-workflows
/// workflow_types.go and of k8s.io/api/core/v1 types.go.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kMergeKeys = {
    {{"volumes", "name"},
     {"initContainers", "name"},
     {"sidecars", "name"},
     {"ports", "containerPort"},
     {"volumeMounts", "mountPath"},
     {"volumeDevices", "devicePath"}}};

/// Writes a template as it is once the defaults are merged into it, and notes what comes from them.
class Merge {
 public:
  Merge(std::string own, std::string defaults, std::vector<Moved>& moved)
      : own_(std::move(own)), defaults_(std::move(defaults)), moved_(moved) {}

  std::string text(simdjson::dom::object own, simdjson::dom::object defaults) {
    Members wanted;
    const Members mine = members_of(own);
    for (const auto& [name, value] : members_of(defaults))
      if (std::ranges::find(kTypes, name) == kTypes.end() || find(mine, name) != nullptr)
        wanted.emplace_back(name, value);
    objects(mine, wanted);
    return std::move(out_);
  }

 private:
  /// A step down in both, or in one of the two.
  class Step {
   public:
    Step(std::string& path, std::string_view token) : path_(path), size_(path.size()) {
      append_token(path, token);
    }
    ~Step() { path_.resize(size_); }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    std::string& path_;
    std::size_t size_;
  };

  // A null is as good as absent.
  static const Json* find(const Members& members, std::string_view name) {
    const auto at = std::ranges::lower_bound(members, name, {}, &Members::value_type::first);
    return at == members.end() || at->first != name || at->second.is_null() ? nullptr : &at->second;
  }

  void write(Json value) { out_ += simdjson::minify(value); }

  void from_defaults(Json value) {
    moved_.push_back({own_, defaults_});
    write(value);
  }

  // A name that stands twice stays twice, so that whoever reads it says so.
  void objects(const Members& own, const Members& defaults) {
    out_ += '{';
    const char* comma = "";
    const auto begin = [&](std::string_view name) {
      out_ += std::exchange(comma, ",");
      text::append_string(out_, name);
      out_ += ':';
    };
    for (const auto& [name, value] : own) {
      if (value.is_null()) continue;
      begin(name);
      const Step a(own_, name), b(defaults_, name);
      if (const Json* const other = find(defaults, name))
        values(name, value, *other);
      else
        write(value);
    }
    std::string_view last;
    for (const auto& [name, value] : defaults) {
      const bool again = name.data() != nullptr && name == last;
      last = name;
      if (value.is_null() || (!again && find(own, name) != nullptr)) continue;
      begin(name);
      const Step a(own_, name), b(defaults_, name);
      from_defaults(value);
    }
    out_ += '}';
  }

  void values(std::string_view name, Json own, Json defaults) {
    if (own.is_object() && defaults.is_object())
      return objects(members_of(own), members_of(defaults));
    const auto* const key =
        std::ranges::find(kMergeKeys, name, &decltype(kMergeKeys)::value_type::first);
    if (key != kMergeKeys.end() && own.is_array() && defaults.is_array())
      lists(own, defaults, key->second);
    else
      write(own);
  }

  struct Element {
    std::string key;  ///< as JSON; empty: it has none, and is like no other
    std::size_t index;
    Json value;
  };
  static std::vector<Element> elements_of(simdjson::dom::array list, std::string_view key) {
    std::vector<Element> elements;
    for (const Json value : list) {
      Json name;
      const bool named = value.is_object() && value.at_key(key).get(name) == simdjson::SUCCESS;
      elements.push_back({named ? simdjson::minify(name) : "", elements.size(), value});
    }
    return elements;
  }

  void lists(simdjson::dom::array own, simdjson::dom::array defaults, std::string_view key) {
    const std::vector<Element> mine = elements_of(own, key);
    std::vector<Element> others = elements_of(defaults, key);
    std::ranges::stable_sort(others, {}, &Element::key);
    std::vector<bool> merged(others.size());
    out_ += '[';
    const char* comma = "";
    for (const Element& element : mine) {
      out_ += std::exchange(comma, ",");
      const auto at = std::ranges::lower_bound(others, element.key, {}, &Element::key);
      if (element.key.empty() || at == others.end() || at->key != element.key) {
        write(element.value);
        continue;
      }
      merged[at->index] = true;
      const Step a(own_, std::to_string(element.index)), b(defaults_, std::to_string(at->index));
      values("", element.value, at->value);
    }
    std::ranges::sort(others, {}, &Element::index);
    std::size_t next = mine.size();
    for (const Element& element : others) {
      if (merged[element.index]) continue;
      out_ += std::exchange(comma, ",");
      const Step a(own_, std::to_string(next++)), b(defaults_, std::to_string(element.index));
      from_defaults(element.value);
    }
    out_ += ']';
  }

  std::string own_, defaults_, out_;
  std::vector<Moved>& moved_;
};

// --- templates -----------------------------------------------------------------------------------

/// Reads the templates of one workflow.
class Reader {
 public:
  Reader(Decoder& d, Origin origin, std::vector<Pod>& out)
      : d_(d), origin_(origin), out_(out), path_(d.path()) {}

  void read(Json value) {
    d_.object(value, kWorkflow, workflow_);
    const auto below = [&](std::string_view name, const Part& part, auto read) {
      if (part) d_.below(name, [&] { read(*part); });
    };
    below("volumes", workflow_.volumes, [&](Json v) { read_volumes(d_, v, common_); });
    below("securityContext", workflow_.security_context,
          [&](Json v) { read_security_context(d_, v, common_); });
    below("hostNetwork", workflow_.host_network, [&](Json v) { d_.read(v, common_.host_network); });
    below("automountServiceAccountToken", workflow_.automount,
          [&](Json v) { d_.read(v, common_.automount_service_account_token); });
    below("podMetadata", workflow_.metadata, [&](Json v) { read_metadata(d_, v, common_); });
    below("templateDefaults", workflow_.defaults, [&](Json v) {
      d_.members(v, [](std::string_view, Json) {});
      if (v.is_object()) defaults_ = v;
      defaults_size_ = simdjson::minify(v).size();
    });
    below("templates", workflow_.templates,
          [&](Json v) { d_.array(v, 0, [&](Json one, std::size_t) { read_template(one, 0); }); });
    // Of a workflow that makes no pod of its own it is of no concern.
    if (made_ > 0) below(kPatch, workflow_.patch, [&](Json v) { refuse_patch(v); });
    below("artifactGC", workflow_.artifact_gc,
          [&](Json v) { d_.member(v, kPatch, [&](Json patch) { refuse_patch(patch); }); });
  }

 private:
  // Templates may stand in the steps and tasks of others. Argo allows one in another's.
  static constexpr int kMostInline = 4;

  void read_template(Json value, int depth) {
    simdjson::dom::object own;
    if (value.get(own) != simdjson::SUCCESS)
      return d_.members(value, [](std::string_view, Json) {});
    read_inline(value, depth);
    const bool makes_pod = std::any_of(own.begin(), own.end(), [](const auto& member) {
      return std::ranges::find(kTypes, member.key) != kTypes.end() && !member.value.is_null();
    });
    // What is copied counts like what is read.
    if (!makes_pod || !d_.weigh(sizeof(RawPod) + common_.volumes.size() * kVolumeWeight +
                                common_.annotations.size() * kAnnotationWeight + defaults_size_))
      return;
    RawPod pod = common_;
    pod.path = d_.path();
    pod.moved.push_back({pod.path + "/spec", pod.path});
    if (!defaults_) {
      read_pod(value, pod);
    } else {
      const std::string text = Merge(pod.path, path_ + "/templateDefaults", pod.moved)
                                   .text(own, simdjson::dom::object(*defaults_));
      simdjson::dom::parser parser;
      read_pod(parser.parse(text).value(), pod);
    }
  }

  void read_inline(Json value, int depth) {
    const auto enter = [&](Json holder, std::size_t) {
      d_.member(holder, "inline", [&](Json one) {
        if (depth == kMostInline && !one.is_null())
          d_.fault("cannot be judged: it stands in too many others");
        else
          read_template(one, depth + 1);
      });
    };
    d_.member(value, "steps", [&](Json steps) {
      d_.array(steps, 0, [&](Json step, std::size_t) { d_.array(step, 0, enter); });
    });
    d_.member(value, "dag", [&](Json dag) {
      d_.member(dag, "tasks", [&](Json tasks) { d_.array(tasks, 0, enter); });
    });
  }

  void read_pod(Json value, RawPod& pod) {
    const std::size_t first_fault = d_.faults().size();
    RawTemplate raw;
    d_.object(value, kTemplate, raw);
    const auto below = [&](std::string_view name, const Part& part, auto read) {
      if (part) d_.below(name, [&] { read(*part); });
    };
    const auto containers = [&](ContainerKind kind) {
      return [this, kind, &pod](Json v) { read_containers(d_, v, kind, pod); };
    };
    const auto one = [&](Json v) { read_container(d_, v, ContainerKind::Regular, pod); };
    const auto in_workflow = [&](std::string_view field) {
      pod.moved.push_back(
          {fmt::format("{}/spec/{}", pod.path, field), fmt::format("{}/{}", path_, field)});
    };

    below("container", raw.container, one);
    below("script", raw.script, one);
    for (RawContainer& main : pod.list(ContainerKind::Regular))
      if (main.name.empty()) main.name = kMain;
    below("containerSet", raw.container_set,
          [&](Json set) { d_.member(set, "containers", containers(ContainerKind::Regular)); });
    below("initContainers", raw.init_containers, containers(ContainerKind::Init));
    below("sidecars", raw.sidecars, containers(ContainerKind::Regular));

    in_workflow("hostNetwork");
    if (raw.security_context) {
      pod.security_context = {};
      below("securityContext", raw.security_context,
            [&](Json v) { read_security_context(d_, v, pod); });
    } else if (workflow_.security_context) {
      in_workflow("securityContext");
    }
    if (raw.automount)
      below("automountServiceAccountToken", raw.automount,
            [&](Json v) { d_.read(v, pod.automount_service_account_token); });
    else if (workflow_.automount)
      in_workflow("automountServiceAccountToken");

    pod.volumes.clear();
    below("volumes", raw.volumes, [&](Json v) { read_volumes(d_, v, pod); });
    const std::size_t own_volumes = pod.volumes.size();
    for (std::size_t i = 0; i < common_.volumes.size(); ++i) {
      pod.volumes.push_back(common_.volumes[i]);
      pod.moved.push_back({fmt::format("{}/spec/volumes/{}", pod.path, own_volumes + i),
                           fmt::format("{}/volumes/{}", path_, i)});
    }

    pod.annotations.clear();
    below("metadata", raw.metadata, [&](Json v) { read_metadata(d_, v, pod); });
    add_annotations(pod);
    below(kPatch, raw.patch, [&](Json v) { refuse_patch(v); });

    std::ranges::sort(pod.moved, {}, &Moved::from);
    for (Fault& fault : d_.faults().subspan(first_fault)) fault.path = pod.place(fault.path);
    out_.push_back(finish(std::move(pod), origin_));
    ++made_;
  }

  /// Those of the workflow, where the template does not say otherwise.
  void add_annotations(RawPod& pod) {
    const std::size_t own = pod.annotations.size();
    for (const auto& annotation : common_.annotations) {
      const auto mine = pod.annotations.begin();
      if (std::ranges::binary_search(mine, mine + static_cast<std::ptrdiff_t>(own),
                                     annotation.first, {},
                                     &std::pair<std::string, std::string>::first))
        continue;
      pod.annotations.push_back(annotation);
      Moved moved{pod.path + "/metadata/annotations", path_ + "/podMetadata/annotations"};
      append_token(moved.from, annotation.first);
      append_token(moved.to, annotation.first);
      pod.moved.push_back(std::move(moved));
    }
    std::ranges::sort(pod.annotations);
  }

  void refuse_patch(Json value) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS && text.empty()) return;
    d_.fault("cannot be judged: it changes the pod once all else is settled; write what it changes "
             "into the template");
  }

  // With the places that go with each.
  static constexpr std::size_t kVolumeWeight = sizeof(Volume) + 256;
  static constexpr std::size_t kAnnotationWeight = 512;

  Decoder& d_;
  Origin origin_;
  std::vector<Pod>& out_;
  std::string path_;  // of the WorkflowSpec
  RawWorkflow workflow_;
  RawPod common_;  // what all pods have of the workflow
  Part defaults_;
  std::size_t defaults_size_ = 0, made_ = 0;
};

Members judged_members(Json spec) {
  Members members;
  if (!spec.is_object()) return members;
  for (const auto& member : members_of(spec))
    if (std::ranges::find(kWorkflow, member.first, &Field<RawWorkflow>::name) !=
        std::end(kWorkflow))
      members.push_back(member);
  return members;
}

}  // namespace

void read_workflow(Decoder& d, Json value, Origin origin, std::vector<Pod>& out) {
  Reader(d, origin, out).read(value);
}

bool same_workflow(Json now, Json before) {
  return std::ranges::equal(
      judged_members(now), judged_members(before),
      [](const auto& a, const auto& b) { return a.first == b.first && same(a.second, b.second); });
}

}  // namespace plimsoll::codec
