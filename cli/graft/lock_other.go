//go:build !unix

package main

import "os"

// tryLock always succeeds: here two runs on one folder are the user's to avoid.
func tryLock(*os.File) (taken bool, err error) { return true, nil }
