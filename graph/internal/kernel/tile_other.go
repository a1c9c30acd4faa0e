//go:build !amd64 || noasm

package kernel

// implementations lists the tiles that this machine can run.
func implementations() []*tiles { return []*tiles{plain} }
