// Command pause does nothing until it is told to end. It holds the namespaces of each pod, and is the program of the pods
// that the tests create.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	// Where containers share a process namespace this is their first process, and orphans are its own.
	signal.Ignore(syscall.SIGCHLD)
	<-ended
}
