//go:build !linux

package kernel

import "runtime"

// yield lets other goroutines run.
func yield() { runtime.Gosched() }
