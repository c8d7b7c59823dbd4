"""oracle.py [--host-only] REPORT: compares a report of `plimsoll bench` with docker-bench-security's published definition.

What each of its items looks at, and what it makes of that, is written down here anew from docker-bench-security 1.6.0, with
its mistakes. Where Plimsoll says otherwise on purpose, DIFFERENCES says so and why: a difference that is not listed fails,
and so does a listed one that does not occur.
"""

import json
import os
import re
import stat
import subprocess
import sys

PASS, WARN, INFO, NOTE, UNSEEN = "PASS", "WARN", "INFO", "NOTE", "not looked at"


def docker(*arguments, check=True):
    return subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True).stdout


def go(value):
    """As a Go template prints a value."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + " ".join(map(go, value)) + "]"
    if isinstance(value, dict):
        return "{" + " ".join(map(go, value.values())) + "}"
    return str(value)


# --- section 5 and 4.1: container by container ------------------------------------------------------------------------------

DEFAULT_CAPABILITIES = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID
    SETPCAP SETUID SYS_CHROOT""".split()


def warn_if(condition):
    return WARN if condition else PASS


def info_if(condition):
    return INFO if condition else PASS


def ports(name):
    """The lines of `docker port`, the part behind the arrow."""
    return [line.split()[2] for line in docker("port", name).splitlines()]


def capabilities(container):
    left = go(container["HostConfig"]["CapAdd"] or []).upper()
    for prefix in ("CAP_", ""):
        for name in DEFAULT_CAPABILITIES:
            left = left.replace(prefix + name, "")
    return warn_if(left.replace(" ", "") != "[]")


def sensitive(container):
    for mount in container["Mounts"]:
        words = (" " + " ".join(go(mount.get(key, "")) for key in ("Type", "Name", "Source", "Destination")) + " ")
        if mount["RW"] and any(f" {folder} " in words for folder in "/ /boot /dev /etc /lib /proc /sys /usr".split()):
            return WARN
    return PASS


def sshd(container):
    return warn_if("sshd" in docker("exec", container["Id"], "ps", "-el", check=False))


def low_port(container):
    second = [address.split(":")[1] for address in ports(container["Id"])]
    return warn_if(any(port and int(port) < 1024 for port in second))


def on_docker0(container):
    return info_if("bridge" in container["NetworkSettings"]["Networks"])


def of_host_config(field, value):
    return lambda container: warn_if(container["HostConfig"][field] == value)


def security_option(pattern):
    return lambda container: re.search(pattern, go(container["HostConfig"]["SecurityOpt"] or [])) is not None


CONTAINER_ITEMS = {
    "4.1": lambda c: warn_if(c["Config"]["User"] in ("", "0", "root")),
    "5.2": lambda c: warn_if(c["AppArmorProfile"] in ("", "unconfined")),
    "5.3": lambda c: warn_if(not c["HostConfig"]["SecurityOpt"]),
    "5.4": capabilities,
    "5.5": of_host_config("Privileged", True),
    "5.6": sensitive,
    "5.7": sshd,
    "5.8": low_port,
    "5.9": lambda c: info_if(ports(c["Id"])),
    "5.10": of_host_config("NetworkMode", "host"),
    "5.11": of_host_config("Memory", 0),
    "5.12": lambda c: warn_if(c["HostConfig"]["CpuShares"] == 0 and c["HostConfig"]["NanoCpus"] == 0),
    "5.13": of_host_config("ReadonlyRootfs", False),
    "5.14": lambda c: warn_if(any(address.split(":")[0] == "0.0.0.0" for address in ports(c["Id"]))),
    "5.15": lambda c: warn_if(c["HostConfig"]["RestartPolicy"]["MaximumRetryCount"] > 5),
    "5.16": of_host_config("PidMode", "host"),
    "5.17": of_host_config("IpcMode", "host"),
    "5.18": lambda c: info_if(c["HostConfig"]["Devices"]),
    "5.19": lambda c: info_if(not c["HostConfig"]["Ulimits"]),
    "5.20": lambda c: warn_if(any("shared" in mount["Propagation"] for mount in c["Mounts"])),
    "5.21": of_host_config("UTSMode", "host"),
    "5.22": lambda c: warn_if(security_option("seccomp[:=]unconfined")(c)),
    "5.23": lambda c: NOTE,
    "5.24": lambda c: NOTE,
    "5.25": lambda c: warn_if(c["HostConfig"]["CgroupParent"]),
    "5.26": lambda c: warn_if(not security_option("no-new-privileges")(c)),
    "5.27": lambda c: warn_if("Health" not in c["State"]),
    "5.28": lambda c: INFO,
    "5.29": lambda c: warn_if(c["HostConfig"]["PidsLimit"] in (None, 0, -1)),
    "5.30": on_docker0,
    "5.31": lambda c: warn_if("host" in c["HostConfig"]["UsernsMode"].lower()),
    "5.32": lambda c: warn_if("docker.sock" in go(c["Mounts"])),
}

# --- the other sections: the host -------------------------------------------------------------------------------------------


class Host:
    def __init__(self):
        self.info = json.loads(docker("info", "--format", "{{json .}}"))
        self.version = json.loads(docker("version", "--format", "{{json .Server}}"))
        with open("/run/docker.pid", encoding="ascii") as file, open(f"/proc/{file.read()}/cmdline", "rb") as line:
            self.arguments = line.read().decode().split("\0")
        with open("/etc/docker/daemon.json", encoding="utf-8") as file:
            self.file = json.load(file)
        self.images = [json.loads(docker("inspect", image))[0] for image in set(docker("images", "-q").split())]
        self.swarm = self.info["Swarm"]["LocalNodeState"] == "active"

    def flag(self, name):
        """The last argument that begins so, as docker-bench-security takes it: what stands behind a space is another one."""
        found = [argument for argument in self.arguments if argument.startswith(name)]
        return found[-1] if found else ""

    def told(self, flag, setting):
        return flag in self.flag(flag) and self.flag(flag) != "" or self.file.get(setting) not in (None, "", [], {})


def unit(name):
    for folder in ("/etc/systemd/system", "/lib/systemd/system"):
        if os.path.isfile(f"{folder}/{name}"):
            return f"{folder}/{name}"
    for folder, _, files in os.walk("/run"):
        if name in files:
            return f"{folder}/{name}"
    return f"/usr/lib/systemd/system/{name}"


def audited(path, always=False):
    def item(_):
        if not always and not os.path.exists(path):
            return INFO
        try:
            with open("/etc/audit/audit.rules", encoding="utf-8") as rules:
                return PASS if any(path in line and line[0] not in "#;" for line in rules) else WARN
        except OSError:
            return WARN

    return item


def owner(path, group="root", kind=os.path.exists):
    def item(_):
        if not kind(path):
            return INFO
        status = os.stat(path)
        with open("/etc/group", encoding="utf-8") as groups:
            names = {int(line.split(":")[2]): line.split(":")[0] for line in groups}
        return warn_if(status.st_uid != 0 or names.get(status.st_gid) != group)

    return item


def mode(path, most):
    # The digits are compared as a decimal number.
    return lambda _: warn_if(int(f"{stat.S_IMODE(os.stat(path).st_mode):o}") > most) if os.path.exists(path) else INFO


def swarm(status):
    return lambda host: status(host) if host.swarm else PASS


def listens_everywhere():
    said = subprocess.run(["ss", "-lnt"], check=True, capture_output=True, text=True).stdout
    return re.search(r"(\[::\]|\*|0\.0\.0\.0):2377 ", said) is not None


def encrypted():
    for name in docker("network", "ls", "--filter", "driver=overlay", "--quiet").split():
        if "encrypted" not in json.loads(docker("network", "inspect", name))[0]["Options"]:
            return False
    return True


def history(pattern, drop):
    def item(host):
        for image in host.images:
            steps = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image["Id"]).splitlines()
            if any(pattern in step for step in (steps[:-1] if drop else steps)):
                return INFO
        return PASS

    return item


CERTIFICATES = [os.path.join(folder, name) for folder, _, names in os.walk("/etc/docker/certs.d") for name in names
                if name.endswith(".crt")]

HOST_ITEMS = {
    "1.1.1": lambda host: warn_if(not os.path.ismount(host.info["DockerRootDir"])),
    "1.1.2": lambda host: INFO,
    "1.1.3": audited("/usr/bin/dockerd", True),
    "1.1.4": audited("/run/containerd", True),
    "1.1.5": audited("/var/lib/docker"),
    "1.1.6": audited("/etc/docker"),
    "1.1.7": audited(unit("docker.service")),
    "1.1.8": audited(unit("containerd.socket")),
    "1.1.9": audited(unit("docker.socket")),
    "1.1.10": audited("/etc/default/docker"),
    "1.1.11": audited("/etc/docker/daemon.json"),
    "1.1.12": audited("/etc/containerd/config.toml"),
    "1.1.13": audited("/etc/sysconfig/docker"),
    "1.1.14": audited("/usr/bin/containerd"),
    "1.1.15": audited("/usr/bin/containerd-shim"),
    "1.1.16": audited("/usr/bin/containerd-shim-runc-v1"),
    "1.1.17": audited("/usr/bin/containerd-shim-runc-v2"),
    "1.1.18": audited("/usr/bin/runc"),
    "1.2.1": lambda host: NOTE,
    "1.2.2": lambda host: INFO,
    "2.1": lambda host: NOTE,
    "2.2": lambda host: warn_if("false" not in host.flag("--icc") and host.file.get("icc") is not False),
    "2.3": lambda host: warn_if(host.file.get("log-level", "") not in ("info", "")),
    "2.4": lambda host: warn_if("false" in host.flag("--iptables") or host.file.get("iptables") is False),
    "2.5": lambda host: warn_if(host.told("--insecure-registry", "insecure-registries")),
    "2.6": lambda host: warn_if(host.info["Driver"] == "aufs"),
    "2.7": lambda host: INFO,  # nothing listens on TCP here
    "2.8": lambda host: PASS,  # `grep -v '{}'` finds the empty line that a missing setting is
    "2.9": lambda host: PASS,  # `grep -v '""'` does too
    "2.10": lambda host: warn_if(host.told("--cgroup-parent", "cgroup-parent")),
    "2.11": lambda host: warn_if("dm.basesize" in host.flag("--storage-opt")),
    "2.12": lambda host: PASS,  # as 2.9
    "2.13": lambda host: warn_if(host.info["LoggingDriver"] == "json-file"),
    "2.14": lambda host: warn_if(not host.told("--no-new-privileges", "no-new-privileges")),
    "2.15": lambda host: warn_if(not host.info["LiveRestoreEnabled"] and not host.swarm),
    "2.16": lambda host: warn_if(host.flag("--userland-proxy") != "--userland-proxy=false"),
    "2.17": lambda host: info_if("name=seccomp,profile=default" not in go(host.info["SecurityOptions"])),
    "2.18": lambda host: INFO,
    "3.1": owner(unit("docker.service")),
    "3.2": mode(unit("docker.service"), 644),
    "3.3": owner(unit("docker.socket")),
    "3.4": mode(unit("docker.socket"), 644),
    "3.5": owner("/etc/docker"),
    "3.6": mode("/etc/docker", 755),
    "3.7": lambda host: warn_if(any(os.stat(path).st_uid != 0 for path in CERTIFICATES)),
    "3.8": lambda host: warn_if(WARN in [mode(path, 444)(host) for path in CERTIFICATES]),
    **{f"3.{number}": lambda host: INFO for number in range(9, 15)},  # no TLS here
    "3.15": owner("/var/run/docker.sock", "docker"),
    "3.16": mode("/var/run/docker.sock", 660),
    "3.17": owner("/etc/docker/daemon.json"),
    "3.18": mode("/etc/docker/daemon.json", 644),
    "3.19": owner("/etc/default/docker"),
    "3.20": mode("/etc/sysconfig/docker", 644),
    "3.21": owner("/etc/sysconfig/docker"),
    "3.22": mode("/etc/default/docker", 644),
    "3.23": owner("/run/containerd/containerd.sock"),
    "3.24": mode("/run/containerd/containerd.sock", 660),
    **{f"4.{number}": lambda host: NOTE for number in (2, 3, 4, 8, 10, 11, 12)},
    "4.5": lambda host: warn_if(os.environ.get("DOCKER_CONTENT_TRUST") != "1"),
    "4.6": lambda host: warn_if(any(not image["Config"].get("Healthcheck") for image in host.images)),
    "4.7": history("update", False),
    "4.9": history("ADD", True),
    "5.1": lambda host: warn_if(host.info["Swarm"]["LocalNodeState"] != "inactive"),
    "6.1": lambda host: INFO,
    "6.2": lambda host: INFO,
    "7.1": swarm(lambda host: warn_if(host.info["Swarm"]["Managers"] != 1)),
    "7.2": swarm(lambda host: warn_if(listens_everywhere())),
    "7.3": lambda host: warn_if(not encrypted()),
    "7.4": swarm(lambda host: info_if(not docker("secret", "ls", "-q"))),
    "7.5": swarm(lambda host: warn_if("SWMKEY" not in docker("swarm", "unlock-key", check=False))),
    "7.6": swarm(lambda host: NOTE),
    "7.7": swarm(lambda host: info_if(host.info["Swarm"]["Cluster"]["Spec"]["CAConfig"]["NodeCertExpiry"] != 172800 * 10**9)),
    "7.8": swarm(lambda host: INFO),
    "7.9": swarm(lambda host: INFO),
}

# --- what is different on purpose -------------------------------------------------------------------------------------------

ALL = "every container that runs"
HOST = "the host"
# Item, theirs, ours, where, why.
DIFFERENCES = [
    ("4.1", PASS, WARN, {"user-zero-zero", "user-root-group", "user-toor"},
     "0:0 and root:GROUP are root, and so is a user whose id in the container is 0"),
    ("5.3", (WARN, PASS), INFO, ALL,
     "there any security option counts as an SELinux label; where the daemon does not use SELinux there is nothing to say"),
    ("5.6", PASS, WARN, {"etc-ro", "etc-ssh", "root-ro"},
     "what is below a sensitive folder counts, and so does what can only be read: secrets are read"),
    ("5.6", PASS, WARN, {"link-etc", "volume-etc"}, "there it is what the mount is called that counts, not where that leads"),
    ("5.6", PASS, WARN, {"root-home"}, "the home of root is not on the list there"),
    ("5.7", WARN, PASS, {"host-pid", "joins"},
     "there ps shows the processes of all containers where they are the host's; the engine shows those of this one"),
    ("5.7", PASS, WARN, {"sshd-bare"},
     "there ps runs in the container, and without one nothing is found; the engine lists processes itself"),
    ("5.8", PASS, WARN, {"port-low-six"}, "there the address of an IPv6 binding is cut at its first colon"),
    ("5.10", PASS, WARN, {"joins"}, "who joins a container in the host's network or processes is there too"),
    ("5.16", PASS, WARN, {"joins"}, "who joins a container in the host's network or processes is there too"),
    ("5.18", PASS, INFO, {"device-rule"}, "a rule of the device cgroup gives devices as well"),
    ("5.12", WARN, PASS, {"cpu-quota"}, "a quota is a limit as well"),
    ("5.14", PASS, WARN, {"port-six"}, "[::] is every address too"),
    ("5.14", PASS, WARN, {"port-low-six"}, "[::] is every address too"),
    ("5.15", PASS, WARN, {"restart-always", "restart-unless", "restart-endless"},
     "there only the number counts, which is 0 where there is no limit"),
    ("5.22", PASS, WARN, {"privileged"}, "privileged switches seccomp off"),
    ("5.26", PASS, WARN, {"no-new-false"}, "no-new-privileges:false is there, and allows it"),
    ("5.32", PASS, WARN, {"link-socket"}, "there it is what the mount is called that counts, not where that leads"),
    ("5.32", PASS, WARN, {"run-folder", "root-ro"}, "who has a folder above the socket has the socket"),
    ("1.1.3", PASS, WARN, HOST, "dockerd is not in /usr/bin here, where its path is looked for there"),
    ("1.1.11", WARN, PASS, HOST, "a rule that watches a folder watches what is in it"),
    ("1.1.15", PASS, WARN, HOST, "there a line that holds the path counts; this rule keeps it out of the record"),
    ("1.1.18", PASS, WARN, HOST, "there a line that holds the path counts; this rule watches another one that begins so"),
    ("2.9", PASS, WARN, HOST, "there a setting that is missing is a line without \"\", and passes"),
    ("2.12", PASS, WARN, HOST, "there a setting that is missing is a line without [], and passes"),
    ("2.8", PASS, INFO, HOST, "there a setting that is missing is a line without {}, and passes"),
    ("2.13", PASS, WARN, HOST, "the log driver local keeps logs on the host as json-file does"),
    ("2.18", INFO, PASS, HOST, "there it is not asked any more; the engine still says whether it is experimental"),
    ("3.15", WARN, PASS, HOST, "a socket that belongs to root alone is safer than one of the group docker"),
    ("3.18", PASS, WARN, HOST, "there 626 is less than 644; the group may write, and that counts"),
]


def allowed(item, name, theirs, ours):
    for difference in DIFFERENCES:
        number, their, our, where, _ = difference
        here = where == (HOST if name is None else ALL) or (isinstance(where, set) and name in where)
        if number == item and theirs in their and ours == our and here:
            return difference
    return None


def main():
    arguments = sys.argv[1:]
    host_only = "--host-only" in arguments
    with open(arguments[-1], encoding="utf-8") as file:
        report = json.load(file)
    ours = {}
    for resource in report["resources"]:
        name = resource["name"] if resource["kind"] == "Container" else None
        for item in resource["items"]:
            ours[(item["reference"]["section"], name)] = item["status"]
    theirs = {}
    host = Host()
    for item, judge in HOST_ITEMS.items():
        if not host_only or item.startswith("7.") or item == "5.1":
            theirs[(item, None)] = judge(host)
    running = set(docker("ps", "--format", "{{.Names}}").split())
    names = docker("ps", "-a", "--format", "{{.Names}}").split() if not host_only else []
    for container in json.loads(docker("inspect", *names)) if names else []:
        name = container["Name"].lstrip("/")
        for item, judge in CONTAINER_ITEMS.items():
            theirs[(item, name)] = judge(container) if name in running else UNSEEN
    agree, stopped, listed, wrong, seen = 0, 0, 0, [], []
    for key in sorted(theirs.keys() | ours.keys(), key=str):
        their, our = theirs.get(key), ours.get(key)
        difference = allowed(*key, their, our) if their and our else None
        if their == UNSEEN and our:
            stopped += 1
        elif their == our:
            agree += 1
        elif difference:
            listed += 1
            seen.append(id(difference))
        elif their or not host_only:
            wrong.append(f"{key[0]} {key[1] or 'host'}: docker-bench-security says {their}, bench says {our}")
    if not host_only:
        for number, _, _, where, why in [d for d in DIFFERENCES if id(d) not in seen]:
            wrong.append(f"{number} {where}: this difference does not occur any more ({why})")
        for difference in DIFFERENCES:
            missing = difference[3] - {key[1] for key in ours} if isinstance(difference[3], set) else ()
            wrong += [f"{difference[0]}: there is no container {name}" for name in missing]
            if isinstance(difference[3], set):
                for name in difference[3]:
                    if ours.get((difference[0], name)) == theirs.get((difference[0], name)):
                        wrong.append(f"{difference[0]} {name}: this difference does not occur any more")
        if not stopped:
            wrong.append("no container that does not run was looked at")
    total = agree + listed + len(wrong)
    print(f"{len(HOST_ITEMS) + len(CONTAINER_ITEMS)} items, {len(running)} running containers: {total} compared, {agree} agree, "
          f"{listed} differ on purpose for {len({d[4] for d in DIFFERENCES if id(d) in seen})} reasons; "
          f"{stopped} more of containers that do not run, which docker-bench-security passes over")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
