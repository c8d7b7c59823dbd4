// Package conformance holds Plimsoll's verdicts against those of Kubernetes' own library,
// k8s.io/pod-security-admission, imported here as an ordinary dependency.
//
// tree.go and spell.go make JSON documents, generator.go and its mutations make pods near the
// boundary, judge.go asks upstream, faults.go plants faults in upstream's checks to prove the
// generator, shrink.go reduces a pod that differs. The tests send the same bytes to a running
// Plimsoll and to upstream and compare.
package conformance
