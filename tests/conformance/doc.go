// Package conformance holds Plimsoll's verdicts against those of Kubernetes' own library,
// k8s.io/pod-security-admission, imported here as an ordinary dependency. README.md says what it
// proves and how to run it.
//
// tree.go and spell.go make JSON documents; generator.go, mutations.go and twists.go make pods near
// the boundary, updates.go changes of them; review.go puts them into reviews. judge.go asks upstream's
// checks, admission.go its whole admission; plimsoll.go runs and asks the server; controls.go
// translates between the names of both. compare.go brings all this together, and shrink.go reduces a
// pod that differs. faults.go, fault_table.go and faults/ are mistakes to be found.
package conformance
