// Section 4: images, and who containers run as.
#include "cis/sections.h"

namespace plimsoll::cis {
namespace {

using enum Severity;

// `0`, `0:0`, `root`, `root:wheel`, `00`, and a name that is root's in the container's own list.
void user(const Container& container, const Host&, Said& said) {
  Findings findings;
  find_check("run-as-user")->evaluate(container.pod, {}, findings);
  if (findings.empty() && !container.pod.containers[0].security_context.run_as_user)
    return said.not_seen(container.uid_unknown.empty()
                             ? fmt::format("what the id of its user {} is", container.user)
                             : container.uid_unknown);
  if (findings.empty())
    return said.say(ItemStatus::Pass, fmt::format("its user is {}", container.user));
  said.warn(container.user.empty()
                ? "runs as root: neither its image nor its command names a user"
                : fmt::format("runs as root: its user is {}, which has the id 0", container.user),
            "/Config/User");
}

void content_trust(const Host& host, Said& said) {
  if (host.daemon.podman)
    return said.say(ItemStatus::Info, "podman goes by its policy.json, which a person has to read");
  if (!host.content_trust)
    said.warn("images are taken without a signature: DOCKER_CONTENT_TRUST is not 1",
              "DOCKER_CONTENT_TRUST");
}

void health_check(const Host& host, Said& said) {
  if (!host.images) return said.not_seen(host.images.why);
  for (const Image& image : *host.images)
    if (!image.health_check)
      said.warn(fmt::format("the image {} has no health check", image.name), "Config.Healthcheck",
                image.name);
}

/// Names of images by what made them, for a person to look at.
template <class Bad>
void by_history(const Host& host, Said& said, std::string_view what, Bad bad) {
  constexpr std::size_t kMost = 20;
  if (!host.images) return said.not_seen(host.images.why);
  std::vector<std::string_view> names;
  std::size_t count = 0;
  for (const Image& image : *host.images)
    if (bad(image) && ++count <= kMost) names.push_back(image.name);
  if (count == 0) return;
  said.say(ItemStatus::Info,
           fmt::format("{}: {}{}", what, fmt::join(names, ", "),
                       count > kMost ? fmt::format(" and {} more", count - kMost) : ""));
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// An update and what is installed belong into one instruction, or a cached layer is old.
void lone_updates(const Host& host, Said& said) {
  by_history(host, said, "updated in an instruction that installs nothing", [](const Image& image) {
    return std::ranges::any_of(image.history, [](std::string_view step) {
      return has(step, "update") && !has(step, "install") && !has(step, "apk add");
    });
  });
}

// Of the oldest step, which brings the base, nobody has a choice.
void adds(const Host& host, Said& said) {
  by_history(host, said, "made with ADD", [](const Image& image) {
    return image.history.size() > 1 &&
           std::any_of(image.history.begin(), image.history.end() - 1,
                       [](std::string_view step) { return has(step, "ADD "); });
  });
}

constexpr Item kItems[] = {
    item<"4.1">(High,
                {"Containers run as a user other than root",
                 "Root in a container is root on the host's kernel: any flaw in the runtime or the "
                 "kernel is then worth the whole host.",
                 "Run it with `--user UID:GID`, or name a user in its image (`USER`)."},
                user),
    item<"4.2">(Medium,
                {"Base images come from people who are trusted",
                 "What is in the base is in every image made of it.",
                 "List the bases that may be used, and build on no others."},
                for_a_person),
    item<"4.3">(Low,
                {"Images hold no package that nobody needs",
                 "Each program in an image is one that an attacker finds there.",
                 "Build in stages, and copy what runs into a minimal base."},
                for_a_person),
    item<"4.4">(Medium,
                {"Images are scanned and built anew when flaws become known",
                 "An image stays as old as the day on which it was built.",
                 "Scan images regularly, and build them from an up-to-date base."},
                for_a_person),
    item<"4.5">(Medium,
                {"Images must be signed",
                 "Without a signature whoever controls the registry decides what runs here.",
                 "Set DOCKER_CONTENT_TRUST=1 in /etc/environment."},
                content_trust),
    item<"4.6">(Low,
                {"Images say how their health is checked",
                 "A program that hangs is otherwise taken for one that works.",
                 "Add HEALTHCHECK to the Dockerfile."},
                health_check),
    item<"4.7">(Low,
                {"Package lists are updated where packages are installed",
                 "A list in a cached layer is old, and so is what is then installed from it.",
                 "Join update and install into one RUN instruction."},
                lone_updates),
    item<"4.8">(Medium,
                {"Images hold no set-user-ID programs that nobody needs",
                 "Such a program makes root of any user in the container.",
                 "Take the bit away in the Dockerfile: `chmod a-s FILE`."},
                for_a_person),
    item<"4.9">(Low,
                {"Files are brought into images by COPY",
                 "ADD also fetches from the network and unpacks archives, unseen.",
                 "Write COPY instead of ADD."},
                adds),
    item<"4.10">(
        High,
        {"No secret is in a Dockerfile", "Whoever has the image can read each of its layers.",
         "Give secrets to the build as `RUN --mount=type=secret`."},
        for_a_person),
    item<"4.11">(Medium,
                 {"Packages are installed only from sources that are checked",
                  "A package from elsewhere can hold anything.",
                  "Use the distribution's package manager with its keys."},
                 for_a_person),
    item<"4.12">(Medium,
                 {"What is signed is checked before it is used",
                  "A signature that nobody checks protects nobody.",
                  "Check signatures in the build and before anything is run."},
                 for_a_person),
};

}  // namespace

std::span<const Item> image_items() { return kItems; }

}  // namespace plimsoll::cis
