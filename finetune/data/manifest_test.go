package data

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestManifest(t *testing.T) {
	sums := []Sum{{Name: "a/1.png", Class: "a", SHA256: [32]byte{0xab, 2, 3}}, {Name: "b \"\n\xff.png"}, {Name: "ü", Class: "größe"}}
	b := WriteManifest(sums)
	if got, err := ReadManifest(b); err != nil || !slices.Equal(got, sums) {
		t.Errorf("%v, %v", got, err)
	}
	first, _, _ := bytes.Cut(b, []byte("\n"))
	line := string(first)
	for _, bad := range []string{"x", line[1:], line + " ", line + " more", strings.ToUpper(line[:64]) + line[64:], " " + line, line + "\n\n", strings.Replace(line, `"a"`, "a", 1)} {
		if _, err := ReadManifest([]byte(bad)); err == nil || !strings.HasPrefix(err.Error(), "data: manifest: line ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzManifest: what is accepted is what WriteManifest writes.
func FuzzManifest(f *testing.F) {
	f.Add(WriteManifest([]Sum{{Name: "a/1.png", Class: "a"}, {Name: "b\n"}}))
	f.Add([]byte("00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sums, err := ReadManifest(b)
		if err != nil {
			if len(err.Error()) > 4096 || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		if w := WriteManifest(sums); !bytes.Equal(bytes.TrimSuffix(w, []byte("\n")), bytes.TrimSuffix(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"))) {
			t.Errorf("%q is read as %q", b, w)
		}
	})
}
