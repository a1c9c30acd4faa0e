//go:build unix && !solaris && !illumos && !aix

package durable

import (
	"errors"
	"os"
	"syscall"
)

// TryLock takes the lock of an open file, which ends with the file or the process,
// however that ends; taken is false where another process has it. Where a system has no
// such lock it is always taken.
func TryLock(f *os.File) (taken bool, err error) {
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
