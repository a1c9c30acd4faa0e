//go:build unix

package main

import (
	"runtime"
	"syscall"
)

// peakMemory is the most memory this process has had in use, in bytes: the largest
// resident set.
func peakMemory() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) * 1024 // getrusage(2): kilobytes
}
