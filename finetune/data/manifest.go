package data

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
)

// Sum is what an example was made from.
type Sum struct {
	Name, Class string
	SHA256      [sha256.Size]byte // of the file, or of the array's bytes
}

// Manifest hashes the content of every example, in order. A file that cannot be read is
// an error that names it.
func (s *Set) Manifest(ctx context.Context) ([]Sum, error) {
	sums, errs := make([]Sum, s.Len()), make([]error, s.Len())
	s.each(runtime.GOMAXPROCS(0), func() bool { return ctx.Err() != nil }, func(i int) {
		b, err := s.src.content(s.position(i))
		sums[i], errs[i] = Sum{Name: s.Items[i].Name, SHA256: sha256.Sum256(b)}, err
		if it := s.Items[i]; it.Label >= 0 || it.Told != nil {
			sums[i].Class = s.Answer(i)
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("data: %s: %w", show(s.Items[i].Name), reason(err))
		}
	}
	return sums, nil
}

// WriteManifest writes a line for each example: its hash, its class and its name, the
// latter two quoted.
func WriteManifest(sums []Sum) []byte {
	var b bytes.Buffer
	for _, s := range sums {
		fmt.Fprintf(&b, "%s %q %q\n", hex.EncodeToString(s.SHA256[:]), s.Class, s.Name)
	}
	return b.Bytes()
}

// ReadManifest reads what WriteManifest wrote, and nothing else.
func ReadManifest(b []byte) ([]Sum, error) {
	var sums []Sum
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var s Sum
		var hash []byte
		if k, err := fmt.Sscanf(lines.Text(), "%x %q %q", &hash, &s.Class, &s.Name); err != nil || k != 3 || len(hash) != sha256.Size {
			return nil, fmt.Errorf("data: manifest: line %d is none", n)
		}
		if copy(s.SHA256[:], hash); string(WriteManifest([]Sum{s})) != lines.Text()+"\n" {
			return nil, fmt.Errorf("data: manifest: line %d is none", n)
		}
		sums = append(sums, s)
	}
	return sums, lines.Err()
}

// Changes says in one line how a set differs from what it was: how many examples have
// come, gone or changed, and the first of them; "" where it is the same.
func Changes(was, is []Sum) string {
	before := make(map[string]Sum, len(was))
	for _, s := range was {
		before[s.Name] = s
	}
	added, changed, first := 0, 0, ""
	note := func(n *int, name, what string) {
		if *n++; first == "" {
			first = show(name) + " " + what
		}
	}
	for _, s := range is {
		b, known := before[s.Name]
		switch {
		case !known:
			note(&added, s.Name, "is new")
		case b.SHA256 != s.SHA256:
			note(&changed, s.Name, "has another content")
		case b.Class != s.Class:
			note(&changed, s.Name, "has another label")
		}
		delete(before, s.Name)
	}
	gone := len(before)
	for _, s := range was {
		if _, missing := before[s.Name]; missing && first == "" {
			first = show(s.Name) + " is gone"
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{added, "new"}, {gone, "gone"}, {changed, "changed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, ", ") + ": " + first
	}
	for i := range is {
		if was[i].Name != is[i].Name {
			return "the order is another one: " + show(is[i].Name)
		}
	}
	return ""
}
