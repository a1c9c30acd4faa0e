//go:build unix

package kernel

import (
	"syscall"
	"time"
)

// cpuTime is the processor time that this process has taken: unlike the time of day it
// does not run while another process has the core.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
