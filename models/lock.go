package models

import (
	"context"
	"os"
	"time"

	"graft/durable"
)

// lock waits for the lock of a file, which ends with the process. Where there are no such
// locks two pulls at once both write, and the hash decides.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		taken, err := durable.TryLock(f)
		if err != nil {
			f.Close()
			return nil, err
		}
		if taken {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
