//go:build unix

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// peakMemory is the most memory this process has had in use, in bytes: the largest
// resident set. Linux says it in proc(5); its getrusage never tells less than what the
// process had that started this one.
func peakMemory() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		var kilobytes int64
		_, line, _ := strings.Cut(string(status), "VmHWM:")
		if _, err := fmt.Sscanf(line, "%d kB", &kilobytes); err == nil {
			return kilobytes * 1024
		}
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) * 1024 // getrusage(2): kilobytes
}
