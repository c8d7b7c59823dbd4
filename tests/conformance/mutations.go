package conformance

import (
	"maps"
	"slices"
)

// mutation changes one thing that a check reads. The values come from what some version allows and
// from what looks like it: another case, a prefix, a trailing space, empty, null.
type mutation struct {
	weight int
	apply  func(*generator)
}

var mutations = []mutation{
	{9, func(g *generator) { // host namespaces
		g.spec().set(pick(g, []string{"hostNetwork", "hostPID", "hostIPC"}), pickEither(g, 0.4, noes, []node{true}))
	}},
	{6, func(g *generator) { // privileged
		g.container().object("securityContext").set("privileged", pickEither(g, 0.4, noes, []node{true}))
	}},
	{18, func(g *generator) { // capabilities that are added
		capabilities := g.container().object("securityContext", "capabilities")
		add := arr()
		for range g.oneOf(0, 1, 1, 1, 2, 3) {
			add.items = append(add.items, pickEither(g, 0.2, allowedCapabilities, oddCapabilities))
		}
		if g.happens(0.35) { // restricted allows it alone: it may hide what follows, or be hidden
			add.items = slices.Insert(add.items, g.oneOf(0, 0, len(add.items)), node("NET_BIND_SERVICE"))
		}
		capabilities.set("add", orNothing(g, add))
	}},
	{8, func(g *generator) { // capabilities that are dropped
		g.container().object("securityContext", "capabilities").set("drop", clone(pick(g, drops)))
	}},
	{16, func(g *generator) { // volumes
		volume := g.addVolume(pick(g, volumeKinds))
		if g.happens(0.15) {
			other := pick(g, volumeKinds)
			volume.set(other, clone(volumeSources[other]))
		}
		if g.happens(0.1) {
			volume.set(pick(g, volumeKinds), nil)
		}
		if g.happens(0.05) {
			volume.set("hostPath", obj())
		}
	}},
	{3, func(g *generator) { // a host path beside a kind that restricted allows
		g.addVolume(pick(g, allowedVolumeKinds)).set("hostPath", obj("path", "/var"))
	}},
	{3, func(g *generator) { // a volume without a source that anyone knows
		volume := g.addVolume("")
		switch g.chance.IntN(4) {
		case 0:
			volume.set("floppyDisk", obj("drive", "A"))
		case 1:
			volume.set("HostPath", obj("path", "/"))
		case 2:
			volume.set("hostPath", nil)
		}
	}},
	{9, func(g *generator) { // ports
		ports := g.container().list("ports")
		for range g.oneOf(1, 1, 2, 3) {
			port := obj("containerPort", integer(80+len(ports.items)))
			if g.happens(0.7) {
				port.set("hostPort", pickEither(g, 0.25, []node{number("0"), nil, number("0"), number("-0")}, hostPorts))
			}
			if g.happens(0.1) {
				port.set("hostIP", "10.0.0.1")
			}
			ports.items = append(ports.items, port)
		}
		if g.happens(0.08) {
			ports.items = append(ports.items, pick(g, []node{obj(), nil}))
		}
	}},
	{8, func(g *generator) { // AppArmor profiles
		g.someContext().set("appArmorProfile", g.profile(0.35, oddAppArmor))
	}},
	{12, func(g *generator) { // AppArmor annotations
		key := pick(g, []string{
			"container.apparmor.security.beta.kubernetes.io/", "container.apparmor.security.beta.kubernetes.io/",
			"container.apparmor.security.beta.kubernetes.io/", "container.apparmor.security.beta.kubernetes.io",
			"Container.apparmor.security.beta.kubernetes.io/", "apparmor.security.beta.kubernetes.io/",
			"x.container.apparmor.security.beta.kubernetes.io/",
		})
		g.annotations().set(key+g.annotated(), pickEither(g, 0.35, goodAppArmorAnnotations, oddAnnotations))
	}},
	{8, func(g *generator) { // seccomp profiles
		g.someContext().set("seccompProfile", g.profile(0.35, oddSeccomp))
	}},
	{16, func(g *generator) { // seccomp annotations
		key := "seccomp.security.alpha.kubernetes.io/pod"
		switch g.chance.IntN(12) {
		case 0:
			key = pick(g, []string{"seccomp.security.alpha.kubernetes.io/", "Seccomp.security.alpha.kubernetes.io/pod",
				"seccomp.security.alpha.kubernetes.io/pods", "container.seccomp.security.alpha.kubernetes.io"})
		case 1, 2, 3, 4, 5, 6, 7:
			key = "container.seccomp.security.alpha.kubernetes.io/" + g.annotated()
		}
		g.annotations().set(key, pickEither(g, 0.35, goodSeccompAnnotations, oddAnnotations))
	}},
	{10, func(g *generator) { // SELinux
		options := g.someContext().object("seLinuxOptions")
		if g.happens(0.7) {
			options.set("type", pickEither(g, 0.3, selinuxTypes, oddSELinuxTypes))
		}
		if g.happens(0.25) {
			options.set(pick(g, []string{"user", "role"}), pickEither(g, 0.5, []node{"", nil}, []node{"sysadm", " "}))
		}
		if g.happens(0.2) {
			options.set("level", "s0:c1,c2")
		}
	}},
	{9, func(g *generator) { // the /proc mount
		g.container().object("securityContext").set("procMount",
			pickEither(g, 0.4, []node{"Default", nil}, []node{"Unmasked", "Unmasked", "default", "", "Default ", "DEFAULT"}))
		if g.happens(0.3) {
			g.spec().set("hostUsers", g.happens(0.3))
		}
	}},
	{20, func(g *generator) { // sysctls
		sysctls := g.podContext().list("sysctls")
		for range g.oneOf(1, 1, 2) {
			name := pickEither(g, 0.15, goodSysctls, oddSysctls)
			sysctl := obj("name", name, "value", "1")
			if name == nil && g.happens(0.5) {
				sysctl.remove("name")
			}
			sysctls.items = append(sysctls.items, sysctl)
		}
	}},
	{8, func(g *generator) { // Windows host processes
		options := g.someContext().object("windowsOptions")
		options.set("hostProcess", pickEither(g, 0.5, noes, []node{true}))
		if g.happens(0.5) {
			g.spec().set("os", obj("name", "windows"))
		}
	}},
	{6, func(g *generator) { // the operating system
		g.spec().set("os", pick(g, []node{
			obj("name", "windows"), obj("name", "linux"), obj("name", "Windows"), obj("name", "windows "),
			obj("name", "WINDOWS"), obj("name", ""), obj("name", nil), obj(), nil, obj("name", "win"),
			obj("name", "windows11"), obj("Name", "windows"),
		}))
	}},
	{10, func(g *generator) { // a Windows pod without what only Linux has
		g.spec().set("os", obj("name", pickEither(g, 0.3, []string{"windows"}, []string{"Windows", "windows ", "linux", ""})))
		forget := pick(g, []string{"seccompProfile", "allowPrivilegeEscalation", "capabilities"})
		g.podContext().remove(forget)
		for _, container := range g.containers() {
			container.object("securityContext").remove(forget)
		}
	}},
	{6, func(g *generator) { // privilege escalation
		g.container().object("securityContext").set("allowPrivilegeEscalation",
			pick(g, []node{true, false, false, nil}))
	}},
	{9, func(g *generator) { // non-root
		g.someContext().set("runAsNonRoot", pickEither(g, 0.45, []node{true}, []node{false, false, nil}))
		if g.happens(0.25) {
			g.spec().set("hostUsers", pick(g, []node{false, false, true, nil}))
		}
	}},
	{12, func(g *generator) { // user ids
		g.someContext().set(pick(g, []string{"runAsUser", "runAsUser", "runAsUser", "runAsGroup", "fsGroup"}),
			pickEither(g, 0.35, someIDs, []node{number("0"), number("0"), number("-0")}))
		if g.happens(0.25) {
			g.spec().set("hostUsers", pick(g, []node{false, false, true, nil}))
		}
	}},
	{20, func(g *generator) { // hosts of probes and lifecycle handlers
		path := pick(g, [][]string{{"livenessProbe"}, {"readinessProbe"}, {"startupProbe"},
			{"lifecycle", "postStart"}, {"lifecycle", "preStop"}})
		last := len(path) - 1
		parent := g.container().object(path[:last]...)
		if g.happens(0.1) {
			parent.set(path[last], pick(g, []node{nil, obj()}))
			return
		}
		handler := parent.object(path[last])
		for range g.oneOf(1, 1, 2) {
			action := pick(g, []string{"httpGet", "tcpSocket"})
			if g.happens(0.2) {
				handler.set(action, pick(g, []node{nil, obj()}))
				continue
			}
			target := obj("port", integer(8080))
			if g.happens(0.9) {
				target.set("host", pickEither(g, 0.35, []node{"", nil},
					[]node{"127.0.0.1", "127.0.0.1", "localhost", "localhost", " ", " ", "10.0.0.1", "example.com", "::1"}))
			}
			handler.set(action, target)
		}
		if g.happens(0.1) {
			handler.set("exec", obj("command", arr("true")))
		}
		if g.happens(0.1) {
			handler.set("host", nil)
		}
	}},
	{5, func(g *generator) { // the pod says one thing, each of its containers another
		values := pick(g, []struct {
			field     string
			pod, each node
		}{
			{"runAsUser", number("0"), number("1000")}, {"runAsUser", number("1000"), number("0")},
			{"runAsNonRoot", false, true}, {"runAsNonRoot", true, false},
			{"seccompProfile", obj("type", "Unconfined"), obj("type", "RuntimeDefault")},
			{"windowsOptions", obj("hostProcess", true), obj("hostProcess", false)},
		})
		g.podContext().set(values.field, clone(values.pod))
		for _, container := range g.containers() {
			container.object("securityContext").set(values.field, clone(values.each))
		}
	}},
	{4, func(g *generator) { // user namespaces
		g.spec().set("hostUsers", pick(g, []node{false, true, nil}))
	}},
	{5, func(g *generator) { // one more container, with nothing in it or a copy of another
		list := pick(g, containerLists)
		if g.happens(0.5) {
			g.addContainer(list)
			return
		}
		copied := clone(g.container())
		into := g.spec().list(list)
		into.items = append(into.items, copied)
	}},
	{3, func(g *generator) { // odd names
		g.container().set("name", pick(g, []node{"", nil, "pod", "app-1", "häfen", "a/b", "a\u0000b"}))
	}},
}

// orNothing leaves a list as it is or makes less than nothing of it.
func orNothing(g *generator, l *list) node {
	if len(l.items) == 0 && g.happens(0.5) {
		return nil
	}
	return l
}

// profile makes a seccomp or AppArmor profile.
func (g *generator) profile(bad float64, odd []node) node {
	profile := obj("type", pickEither(g, bad, []node{"RuntimeDefault", "Localhost"}, odd))
	if profile.get("type") == "Localhost" {
		profile.set("localhostProfile", "web")
	}
	if g.happens(0.05) {
		profile.remove("type")
	}
	if g.happens(0.08) {
		return nil
	}
	return profile
}

// annotated is the name of a container that an annotation speaks of: one of the pod's, or none.
func (g *generator) annotated() string {
	if g.happens(0.65) {
		name, _ := g.container().get("name").(string)
		return name
	}
	name := pick(g, []string{"ghost", "", "", "app-1", "APP-1", "app-1 ", "app"})
	if name == "" && g.happens(0.3) {
		g.container().set("name", "")
	}
	return name
}

func (g *generator) mutate() {
	total := 0
	for _, mutation := range mutations {
		total += mutation.weight
	}
	draw := g.chance.IntN(total)
	for _, mutation := range mutations {
		if draw -= mutation.weight; draw < 0 {
			mutation.apply(g)
			return
		}
	}
}

// --- values ----------------------------------------------------------------------------------------

var (
	noes = []node{false, nil}

	allowedCapabilities = []node{"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
		"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"}
	oddCapabilities = []node{"NET_RAW", "SYS_ADMIN", "NET_ADMIN", "ALL", "all", "CAP_CHOWN", "chown", "Kill", "KILL ", " KILL",
		"", nil, "CAP_NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "CAP_NET_BIND_SERVICE", "net_bind_service", "NET_BIND_SERVICE ", "NET_BIND", "SETUIDX", "*", "SYS_CHROOT\n",
		"AUDIT", "SETGI", "DAC_READ_SEARCH"}

	drops = []node{
		arr("ALL"), arr("ALL"), arr("ALL", "ALL"), arr("NET_RAW", "ALL"), arr("ALL", "NET_RAW"), arr("all"),
		arr("All"), arr("CAP_ALL"), arr("ALL "), arr("NET_RAW"), arr("KILL", "MKNOD", "ALL"), arr(""), arr(nil), arr(), nil,
		arr("ALLOW"), arr("*"),
	}

	hostPorts = []node{number("80"), number("80"), number("1"), number("65535"), number("65536"), number("-1"), number("2147483647"),
		number("8080")}

	oddSeccomp  = []node{"Unconfined", "Unconfined", "", nil, "runtimedefault", "runtime/default", "Localhost ", "localhost", "RuntimeDefaults"}
	oddAppArmor = []node{"Unconfined", "Unconfined", "", nil, "runtimedefault", "runtime/default", "Localhost ", "localhost", "RuntimeDefaults"}

	goodAppArmorAnnotations = []node{"runtime/default", "localhost/web", "localhost/", "", nil}
	goodSeccompAnnotations  = []node{"runtime/default", "docker/default", "localhost/web", "localhost/"}
	oddAnnotations          = []node{"unconfined", "unconfined", "", nil, "localhost", "docker/default", "runtime/default ",
		"Runtime/Default", "RuntimeDefault", "Localhost/web", " localhost/web", "runtime/default/web", "docker/default/web",
		"runtime", "xlocalhost/web"}

	selinuxTypes    = []node{"container_t", "container_init_t", "container_kvm_t", "container_engine_t", "", nil}
	oddSELinuxTypes = []node{"spc_t", "Container_t", "container_t ", "container_", "container_tt", "container_engine_t_x", " "}

	goodSysctls = []node{
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
		"net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.ip_local_reserved_ports",
		"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
		"net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat",
	}
	oddSysctls = []node{"kernel.msgmax", "net.core.somaxconn", "", nil, "net/ipv4/tcp_syncookies", "NET.IPV4.TCP_SYNCOOKIES",
		"net.ipv4.tcp_syncookies ", "kernel.shm_rmid_forced.x", "net.ipv4.tcp_rme", "net.ipv4.*", "net.ipv4.tcp_keepalive"}

	someIDs = []node{number("1"), number("1000"), number("65534"), number("4294967296"), number("-1"), nil,
		number("9223372036854775807"), number("-9223372036854775808"), number("2147483648")}

	allowedVolumeKinds = []string{"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image",
		"persistentVolumeClaim", "projected", "secret"}

	volumeSources = map[string]*object{
		"hostPath":              obj("path", "/var/log", "type", ""),
		"emptyDir":              obj("medium", "Memory"),
		"gcePersistentDisk":     obj("pdName", "disk"),
		"awsElasticBlockStore":  obj("volumeID", "disk"),
		"gitRepo":               obj("repository", "git.example/web"),
		"secret":                obj("secretName", "web", "defaultMode", integer(420)),
		"nfs":                   obj("server", "nfs.example", "path", "/"),
		"iscsi":                 obj("targetPortal", "10.0.0.1", "iqn", "iqn.example", "lun", integer(0)),
		"glusterfs":             obj("endpoints", "gluster", "path", "/"),
		"persistentVolumeClaim": obj("claimName", "web"),
		"rbd":                   obj("monitors", arr("10.0.0.1"), "image", "disk"),
		"flexVolume":            obj("driver", "example/flex"),
		"cinder":                obj("volumeID", "disk"),
		"cephfs":                obj("monitors", arr("10.0.0.1")),
		"flocker":               obj("datasetName", "web"),
		"downwardAPI":           obj("items", arr(obj("path", "labels", "fieldRef", obj("fieldPath", "metadata.labels")))),
		"fc":                    obj("targetWWNs", arr("50060e801049cfd1"), "lun", integer(0)),
		"azureFile":             obj("secretName", "web", "shareName", "web"),
		"configMap":             obj("name", "web", "optional", true),
		"vsphereVolume":         obj("volumePath", "disk"),
		"quobyte":               obj("registry", "quobyte.example", "volume", "web"),
		"azureDisk":             obj("diskName", "disk", "diskURI", "disk.example"),
		"photonPersistentDisk":  obj("pdID", "disk"),
		"projected":             obj("sources", arr(obj("configMap", obj("name", "web")))),
		"portworxVolume":        obj("volumeID", "disk"),
		"scaleIO":               obj("gateway", "scaleio.example", "system", "web", "secretRef", obj("name", "web")),
		"storageos":             obj("volumeName", "disk"),
		"csi":                   obj("driver", "csi.example"),
		"ephemeral":             obj("volumeClaimTemplate", obj("spec", obj("accessModes", arr("ReadWriteOnce")))),
		"image":                 obj("reference", "registry.example/data:1", "pullPolicy", "IfNotPresent"),
	}
	volumeKinds = slices.Sorted(maps.Keys(volumeSources))
)
