#include "docker/host_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "server/client.h"

namespace plimsoll::docker {
namespace {

using cis::File;
using server::testing::Folder;

TEST(HostFiles, FollowsLinksBelowTheHostsRoot) {
  const Folder root;
  root.write("run/secret", "the host's");
  std::filesystem::create_directories(root / "var");
  std::filesystem::create_symlink("/run", root / "var/run");
  std::filesystem::create_symlink("../../../../run", root / "var/up");
  std::filesystem::create_symlink("loop", root / "loop");
  const HostFiles files(root.path() + "/");
  EXPECT_EQ(*files.read("/var/run/secret"), "the host's");
  EXPECT_EQ(*files.read("/var/up/secret"), "the host's");
  EXPECT_EQ(*files.read("/../../run/./secret"), "the host's");
  EXPECT_EQ(*files.read("/etc/passwd"), "") << "this machine's is none of its concern";
  EXPECT_EQ(files.read("/loop").why, "/loop: Too many levels of symbolic links");
}

TEST(HostFiles, KnowsWhereAPathLeads) {
  const Folder root;
  std::filesystem::create_directories(root / "srv");
  std::filesystem::create_symlink("/etc", root / "srv/settings");
  std::filesystem::create_symlink("../../..", root / "srv/up");
  std::filesystem::create_symlink("/srv/none/further", root / "srv/dead");
  std::filesystem::create_symlink("loop", root / "loop");
  const HostFiles files(root.path());
  EXPECT_EQ(files.leads_to("/srv/settings/ssh"), "/etc/ssh") << "though there is no /etc/ssh";
  EXPECT_EQ(files.leads_to("/srv/up"), "/");
  EXPECT_EQ(files.leads_to("/srv/dead"), "/srv/none/further");
  EXPECT_EQ(files.leads_to("/srv//./x/../y/"), "/srv/y");
  EXPECT_EQ(files.leads_to("/"), "/");
  EXPECT_EQ(files.leads_to("/loop/x"), "/loop/x");
  EXPECT_EQ(HostFiles().leads_to("/proc/self/root/nowhere"), "/nowhere");
}

TEST(HostFiles, KnowsWhoMayDoWhat) {
  const Folder root;
  const auto path = root.write("etc/docker/daemon.json", "{}");
  ::chmod(path.c_str(), 0626);
  root.write("etc/group", "root:x:0:\nbroken\nempty::" + std::to_string(::getgid()) + ":\n");
  const HostFiles files(root.path());
  const File file = files.file("/etc/docker/daemon.json");
  EXPECT_EQ(file.state, File::State::There);
  EXPECT_EQ(file.mode, 0626U);
  EXPECT_EQ(file.uid, ::getuid());
  EXPECT_EQ(file.group, ::getgid() == 0 ? "root" : "empty");
  EXPECT_EQ(files.file("/etc/none").state, File::State::Missing);
  EXPECT_EQ(files.file({"/none", "/etc/group"}).path, "/etc/group");
}

TEST(HostFiles, FindsUnitsAsSystemdDoes) {
  const Folder root;
  root.write("usr/lib/systemd/system/docker.service", "");
  const HostFiles files(root.path());
  EXPECT_EQ(files.unit("docker.service").path, "/usr/lib/systemd/system/docker.service");
  root.write("etc/systemd/system/docker.service", "");
  EXPECT_EQ(files.unit("docker.service").path, "/etc/systemd/system/docker.service");
  EXPECT_EQ(files.unit("docker.socket").state, File::State::Missing);
}

TEST(HostFiles, ReadsTheRulesOfAuditd) {
  const Folder root;
  root.write("etc/audit/audit.rules", "# -w /not\n-D\n-w /etc/docker/ -p wa -k docker\n");
  root.write("etc/audit/rules.d/a.rules",
             "-a exit,always -F path=/run/containerd -F perm=war -k docker\n"
             "-a always,exit -F dir=/var/lib/docker -F perm=wa\n-w\n");
  root.write("etc/audit/rules.d/a.rules.old", "-w /old\n");
  const auto watches = HostFiles(root.path()).watches();
  ASSERT_TRUE(watches);
  ASSERT_EQ(watches->size(), 3U);
  EXPECT_EQ((*watches)[0].path, "/etc/docker");
  EXPECT_TRUE((*watches)[0].below);
  EXPECT_EQ((*watches)[1].path, "/run/containerd");
  EXPECT_FALSE((*watches)[1].below);
  EXPECT_EQ((*watches)[2].path, "/var/lib/docker");
  EXPECT_TRUE((*watches)[2].below);
}

TEST(HostFiles, WhatAuditdPassesOverIsNotWatched) {
  const Folder root;
  root.write("etc/audit/audit.rules", "-w /kept\n");
  root.write("etc/audit/rules.d/a.rules",
             "-w /dropped\n-D\n-w /back\n-w /stays\n-W /back/\n"
             "-a never,exit -F path=/usr/bin/dockerd\n-a always,exclude -F dir=/x\n"
             "-d always,exit -F path=/deleted\n");
  std::vector<std::string> paths;
  const auto watches = HostFiles(root.path()).watches();
  for (const auto& watch : *watches) paths.push_back(watch.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"/kept", "/stays"}));
}

TEST(HostFiles, ReadsWhatTheKernelSays) {
  const Folder root;
  root.write("proc/1/mountinfo",
             "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 8:2 / /var/lib/my\\040docker rw - ext4 x "
             "rw\nshort\n");
  root.write("proc/1/net/tcp",
             "  sl  local_address rem_address   st\n"
             "   0: 0100007F:0949 00000000:0000 0A 0\n   1: 00000000:0949 00000000:0000 01 0\n");
  root.write("proc/1/net/tcp6", "");
  const HostFiles files(root.path());
  EXPECT_EQ(*files.mount_points(), (std::vector<std::string>{"/", "/var/lib/my docker"}));
  EXPECT_FALSE(*files.listens_everywhere(2377)) << "one address, and a connection";
  root.write(
      "proc/1/net/tcp6",
      "   0: 00000000000000000000000000000000:0949 00000000000000000000000000000000:0000 0A");
  EXPECT_TRUE(*files.listens_everywhere(2377));
  EXPECT_FALSE(*files.listens_everywhere(80));
  const Folder empty;
  EXPECT_FALSE(HostFiles(empty.path()).mount_points());
  EXPECT_EQ(HostFiles(empty.path()).listens_everywhere(80).why, "/proc/1/net/tcp: is not there");
}

TEST(HostFiles, FindsTheCommandLineOfTheDaemonThatItsFileNames) {
  const Folder root;
  using namespace std::string_literals;
  root.write("proc/7/cmdline", "/usr/bin/dockerd\0--icc=false\0"s);
  root.write("proc/42/cmdline", "dockerd\0-H\0fd://\0"s);
  root.write("proc/3/cmdline", "vi\0dockerd\0"s);
  const HostFiles files(root.path());
  root.write("run/docker.pid", "42");
  EXPECT_EQ(*files.dockerd_arguments(), (std::vector<std::string>{"-H", "fd://"}));
  root.write("run/docker.pid", "7\n");
  EXPECT_FALSE(files.dockerd_arguments()->empty());
  EXPECT_EQ(*files.dockerd_arguments(7), (std::vector<std::string>{"--icc=false"}));
  EXPECT_EQ(*files.dockerd_arguments(3), *files.dockerd_arguments()) << "that one is vi";
  root.write("proc/7/environ", "HOMES=/x\0HOME=/home/u\0"s);
  EXPECT_EQ(*files.environment_of(7, "HOME"), "/home/u");
  EXPECT_EQ(*files.environment_of(7, "XDG_CONFIG_HOME"), "");
  const Folder empty;
  EXPECT_FALSE(HostFiles(empty.path()).dockerd_arguments());
}

TEST(HostFiles, KnowsGroupsEnvironmentAndCertificates) {
  const Folder root;
  root.write("etc/group", "dockers:x:1:eve\ndocker:x:999:ann,bob\n");
  root.write("etc/environment", "PATH=/bin\nexport DOCKER_CONTENT_TRUST=\"1\"\n");
  root.write("etc/docker/certs.d/r.test:5000/ca.crt", "");
  root.write("etc/docker/certs.d/r.test:5000/note.txt", "");
  const HostFiles files(root.path());
  EXPECT_EQ(*files.group("docker"), (std::vector<std::string>{"ann", "bob"}));
  root.write("etc/passwd", "carl:x:5:999::/:/bin/sh\nann:x:6:999::/:/bin/sh\ndan:x:7:7::/:\n");
  EXPECT_EQ(*files.group("docker"), (std::vector<std::string>{"ann", "bob", "carl"}));
  EXPECT_EQ(*files.group("999"), *files.group("docker"));
  EXPECT_EQ(*files.group("none"), std::vector<std::string>());
  EXPECT_TRUE(files.environment_says("DOCKER_CONTENT_TRUST=1"));
  EXPECT_FALSE(files.environment_says("DOCKER_CONTENT_TRUST=0"));
  ASSERT_EQ(files.registry_certificates()->size(), 1U);
  EXPECT_EQ(files.registry_certificates()->front().path, "/etc/docker/certs.d/r.test:5000/ca.crt");
}

TEST(HostFiles, KnowsWhereASocketOfSystemdListens) {
  const Folder root;
  const HostFiles files(root.path());
  EXPECT_EQ(files.listen_streams("docker.socket").why, "there is no unit docker.socket");
  root.write("lib/systemd/system/docker.socket",
             "[Socket]\n#ListenStream=1\nListenStream=/run/docker.sock\n");
  using Streams = std::vector<std::string>;
  EXPECT_EQ(*files.listen_streams("docker.socket"), (Streams{"/run/docker.sock"}));
  root.write("etc/systemd/system/docker.socket.d/tcp.conf", "ListenStream = 2375\n");
  EXPECT_EQ(*files.listen_streams("docker.socket"), (Streams{"/run/docker.sock", "2375"}));
  root.write("etc/systemd/system/docker.socket.d/z.conf", "ListenStream=\nListenStream=[::]:1\n");
  EXPECT_EQ(*files.listen_streams("docker.socket"), (Streams{"[::]:1"}));
}

TEST(HostFiles, ReadsNoFileWithoutEnd) {
  const Folder root;
  root.write("etc/group", std::string(HostFiles::kMaxBytes + 1, 'x'));
  EXPECT_EQ(HostFiles(root.path()).group("docker").why, "/etc/group: is larger than 4 MiB");
  ::mkfifo((root / "pipe").c_str(), 0600);
  EXPECT_EQ(*HostFiles(root.path()).read("/pipe"), "") << "a pipe is not waited for";
}

}  // namespace
}  // namespace plimsoll::docker
