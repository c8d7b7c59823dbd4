package e2e

import "runtime"

// forkAll starts every process from one thread that never ends: Pdeathsig is about the thread.
func forkAll() {
	runtime.LockOSThread()
	for fork := range forks {
		fork()
	}
}
