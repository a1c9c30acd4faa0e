package durable_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"graft/durable"
)

// A file is old or new, never in part.
func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "durable")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "settings")
	for _, fail := range []error{nil, errors.New("no more numbers")} {
		err := durable.WriteFile(durable.OS, path, func(w io.Writer) error {
			fmt.Fprintf(w, "some numbers, then %v", fail)
			return fail
		})
		b, _ := os.ReadFile(path)
		fmt.Printf("%v: %s\n", err, b)
	}
	// Output:
	// <nil>: some numbers, then <nil>
	// no more numbers: some numbers, then <nil>
}
