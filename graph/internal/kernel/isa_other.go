//go:build !amd64 || noasm

package kernel

// implementations lists the loops that this machine can run.
func implementations() []*loops { return []*loops{plain} }
