package conformance

import (
	"runtime"
	"sync"
	"sync/atomic"

	"k8s.io/pod-security-admission/api"
)

// versionsAPod is how many versions each pod is judged at.
const versionsAPod = 6

// versionsFor rotates the versions so that few pods meet them all, and each pod distant ones.
func versionsFor(index int) []api.Version {
	const stride = 7 // has no divisor in common with the number of versions; TestVersionsRotate
	var out []api.Version
	for i := range versionsAPod {
		out = append(out, versions[(index*versionsAPod+i)*stride%len(versions)])
	}
	return out
}

// inParallel calls work for 0 to count-1 on a number of goroutines, each with its own number, until
// one call returns false.
func inParallel(workers, count int, work func(worker, index int) bool) {
	var next atomic.Int64
	var stopped atomic.Bool
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for !stopped.Load() {
				index := int(next.Add(1)) - 1
				if index >= count {
					return
				}
				if !work(worker, index) {
					stopped.Store(true)
				}
			}
		})
	}
	wait.Wait()
}

func cores() int { return runtime.GOMAXPROCS(0) }
