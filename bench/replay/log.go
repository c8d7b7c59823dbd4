package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// written is what a log has in it.
type written struct {
	bytes, lines, requests, denied int64
}

// write makes a log of about that size, and beside it the same compressed. Of two sizes the shorter is the beginning of the
// longer.
func write(path string, size int64) (*written, error) {
	plain, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	packed, err := os.Create(path + ".gz")
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	zip, err := gzip.NewWriterLevel(packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewWriterSize(io.MultiWriter(plain, zip), 1<<20)
	log := &written{}
	random := rand.New(rand.NewPCG(7, 7))
	var line []byte
	for log.bytes < size {
		line = log.event(line[:0], random)
		log.bytes += int64(len(line))
		log.lines++
		if _, err := buffered.Write(line); err != nil {
			return nil, err
		}
	}
	return log, errors.Join(buffered.Flush(), zip.Close())
}

// The mixture of a cluster that is at work, in thousandths of its events.
const (
	leases   = 420 // of nodes and leaders
	reads    = 330 // gets, lists and watches: without bodies
	events   = 90
	statuses = 80 // of pods, by kubelets: with bodies
	pods     = 60 // created by controllers
	// The rest are Deployments that are written.
)

func (w *written) event(line []byte, random *rand.Rand) []byte {
	id, at := random.Uint64(), w.lines
	time := fmt.Sprintf("2026-03-%02dT%02d:%02d:%02d.%06dZ", 1+at/8_640_000%28, at/360_000%24, at/6_000%60, at/100%60, at%100*10_000)
	head := func(level, verb, uri, user, agent string) {
		line = fmt.Appendf(line, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"%s","auditID":"%016x-4d5a","stage":"ResponseComplete","requestURI":"%s","verb":"%s",`+
			`"user":{"username":"%s","groups":["system:serviceaccounts","system:authenticated"]},"sourceIPs":["10.0.%d.%d"],"userAgent":"%s/v1.37.0 (linux/amd64) kubernetes/abcdef0",`,
			level, id, uri, verb, user, id%250, id>>8%250, agent)
	}
	tail := func(code int) {
		line = fmt.Appendf(line, `"responseStatus":{"metadata":{},"code":%d},"requestReceivedTimestamp":"%s","stageTimestamp":"%s",`+
			`"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"system:node\" of ClusterRole \"system:node\" to Group \"system:nodes\""}}`+"\n",
			code, time, time)
	}
	node, team, app := random.IntN(500), random.IntN(40), random.IntN(25)
	switch kind := random.IntN(1000); {
	case kind < leases:
		head("Metadata", "update", fmt.Sprintf("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-%d?timeout=10s", node), fmt.Sprintf("system:node:node-%d", node), "kubelet")
		line = fmt.Appendf(line, `"objectRef":{"resource":"leases","namespace":"kube-node-lease","name":"node-%d","uid":"%016x","apiGroup":"coordination.k8s.io","apiVersion":"v1","resourceVersion":"%d"},`, node, id, at)
		tail(200)
	case kind < leases+reads:
		head("Metadata", []string{"get", "list", "watch"}[id%3], fmt.Sprintf("/api/v1/namespaces/team-%d/configmaps/app-%d", team, app), "system:serviceaccount:flux-system:kustomize-controller", "kustomize-controller")
		line = fmt.Appendf(line, `"objectRef":{"resource":"configmaps","namespace":"team-%d","name":"app-%d","apiVersion":"v1"},`, team, app)
		tail(200)
	case kind < leases+reads+events:
		head("Metadata", "create", fmt.Sprintf("/api/v1/namespaces/team-%d/events", team), fmt.Sprintf("system:node:node-%d", node), "kubelet")
		line = fmt.Appendf(line, `"objectRef":{"resource":"events","namespace":"team-%d","name":"app-%d.%016x","apiVersion":"v1"},`, team, app, id)
		tail(201)
	case kind < leases+reads+events+statuses:
		head("RequestResponse", "patch", fmt.Sprintf("/api/v1/namespaces/team-%d/pods/app-%d-%x/status", team, app, id), fmt.Sprintf("system:node:node-%d", node), "kubelet")
		line = fmt.Appendf(line, `"objectRef":{"resource":"pods","namespace":"team-%d","name":"app-%d-%x","apiVersion":"v1","subresource":"status"},`, team, app, id)
		line = fmt.Appendf(line, `"requestObject":{"metadata":{"uid":"%016x"},"status":{"phase":"Running"}},"responseObject":`, id)
		line = w.pod(line, team, app, id, false)
		line = append(line, ',')
		tail(200)
	case kind < leases+reads+events+statuses+pods:
		w.requests++
		bad := app%5 == 0
		if bad {
			w.denied++
		}
		head("RequestResponse", "create", fmt.Sprintf("/api/v1/namespaces/team-%d/pods", team), "system:serviceaccount:kube-system:replicaset-controller", "kube-controller-manager")
		line = fmt.Appendf(line, `"objectRef":{"resource":"pods","namespace":"team-%d","apiVersion":"v1"},"requestObject":`, team)
		line = w.pod(line, team, app, id, bad)
		line = append(line, `,"responseObject":`...)
		line = w.pod(line, team, app, id, bad)
		line = append(line, ',')
		tail(201)
	default:
		w.requests++
		bad := app%5 == 0
		if bad {
			w.denied++
		}
		head("RequestResponse", "create", fmt.Sprintf("/apis/apps/v1/namespaces/team-%d/deployments?fieldManager=kubectl-create", team), fmt.Sprintf("user-%d@example.com", node%50), "kubectl")
		line = fmt.Appendf(line, `"objectRef":{"resource":"deployments","namespace":"team-%d","name":"app-%d","apiGroup":"apps","apiVersion":"v1"},"requestObject":`, team, app)
		line = deployment(line, team, app, bad)
		line = append(line, `,"responseObject":`...)
		line = deployment(line, team, app, bad)
		line = append(line, ',')
		tail(201)
	}
	return line
}

func (w *written) pod(line []byte, team, app int, id uint64, bad bool) []byte {
	line = fmt.Appendf(line, `{"kind":"Pod","apiVersion":"v1","metadata":{"name":"app-%d-7d4b9c8f6d-%05x","generateName":"app-%d-7d4b9c8f6d-","namespace":"team-%d","uid":"%016x","creationTimestamp":"2026-03-01T08:00:00Z",`+
		`"labels":{"app":"app-%d","pod-template-hash":"7d4b9c8f6d"},"annotations":{"prometheus.io/scrape":"true","checksum/config":"%064x"},`+
		`"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"app-%d-7d4b9c8f6d","uid":"%016x","controller":true,"blockOwnerDeletion":true}],`+
		`"managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-03-01T08:00:00Z","fieldsType":"FieldsV1","fieldsV1":%s}]},"spec":`,
		app, id&0xfffff, app, team, id, app, id, app, id, managed)
	return append(spec(line, bad), `,"status":{"phase":"Pending","qosClass":"Burstable"}}`...)
}

func deployment(line []byte, team, app int, bad bool) []byte {
	line = fmt.Appendf(line, `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"app-%d","namespace":"team-%d","managedFields":[{"manager":"kubectl-create","operation":"Update","fieldsV1":%s}]},`+
		`"spec":{"replicas":3,"selector":{"matchLabels":{"app":"app-%d"}},"template":{"metadata":{"labels":{"app":"app-%d"}},"spec":`, app, team, managed, app, app)
	return append(spec(line, bad), `},"strategy":{"type":"RollingUpdate"}},"status":{}}`...)
}

func spec(line []byte, bad bool) []byte {
	return fmt.Appendf(line, `{"volumes":[{"name":"cache","emptyDir":{}},{"name":"kube-api-access-x2k8v","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},`+
		`{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}}],"defaultMode":420}}],"containers":[{"name":"app","image":"registry.example.com/app:1.2.3",`+
		`"args":["--listen=:8080","--log=json"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"env":[{"name":"POD","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},`+
		`{"name":"TOKEN","valueFrom":{"secretKeyRef":{"name":"app","key":"token"}}},{"name":"JAVA_OPTS","value":"-XX:MaxRAMPercentage=75 -Dserver.port=8080 -Dspring.profiles.active=production"}],`+
		`"resources":{"limits":{"memory":"128Mi"},"requests":{"cpu":"100m","memory":"64Mi"}},"volumeMounts":[{"name":"cache","mountPath":"/cache"},{"name":"kube-api-access-x2k8v","readOnly":true,`+
		`"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],"readinessProbe":{"httpGet":{"path":"/ready","port":"http","scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10},`+
		`"terminationMessagePath":"/dev/termination-log","imagePullPolicy":"IfNotPresent","securityContext":{"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":%t}}],`+
		`"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","securityContext":{"runAsNonRoot":true,`+
		`"seccompProfile":{"type":"RuntimeDefault"}},"schedulerName":"default-scheduler","tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300},`+
		`{"key":"node.kubernetes.io/unreachable","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],"priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"}`, bad)
}

const managed = `{"f:metadata":{"f:annotations":{".":{},"f:checksum/config":{}},"f:generateName":{},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"0\"}":{}}},` +
	`"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:args":{},"f:env":{".":{},"k:{\"name\":\"POD\"}":{".":{},"f:name":{},"f:valueFrom":{".":{},"f:fieldRef":{}}}},"f:image":{},"f:name":{},` +
	`"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:name":{}}},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}}},"f:securityContext":{".":{},` +
	`"f:allowPrivilegeEscalation":{},"f:capabilities":{".":{},"f:drop":{}}},"f:volumeMounts":{".":{},"k:{\"mountPath\":\"/cache\"}":{".":{},"f:mountPath":{},"f:name":{}}}}},"f:dnsPolicy":{},"f:restartPolicy":{}}}`
