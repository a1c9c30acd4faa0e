package kernel

import (
	"runtime"
	"syscall"
)

// yield lets other goroutines run, and other processes that wait for this processor.
func yield() {
	runtime.Gosched()
	_, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) // cannot fail
}
