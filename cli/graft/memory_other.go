//go:build !unix

package main

import "runtime"

// peakMemory is what the Go runtime has obtained from the system, in bytes, which it
// rarely gives back: there is no resident set to ask for.
func peakMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
