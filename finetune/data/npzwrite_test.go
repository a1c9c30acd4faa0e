package data

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is written is read again, equal bytes each time.
func TestWriteNpz(t *testing.T) {
	x := []float32{1, 2.5, -3, 4, 5, 6}
	write := func() []byte {
		var b bytes.Buffer
		err := WriteNpz(&b, FloatsArray("x", []int{3, 2, 1, 1}, func(put func([]float32) error) error {
			for i := 0; i < 6; i += 2 {
				if err := put(x[i : i+2]); err != nil {
					return err
				}
			}
			return nil
		}), IntsArray("y", []int{1, 0, 1}), StringsArray("classes", []string{"ünder", "b"}), StringsArray("names", nil))
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	path := filepath.Join(t.TempDir(), "a.npz")
	if err := os.WriteFile(path, write(), 0o666); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(write(), write()) {
		t.Error("equal arrays give other bytes")
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if !slices.Equal(d.Train.Classes, []string{"ünder", "b"}) || !slices.Equal(d.Train.Counts(), []int{1, 2}) {
		t.Errorf("classes %v, %v", d.Train.Classes, d.Train.Counts())
	}
	if v, shape, ok := d.Train.Tensor(1); !ok || shape != [3]int{2, 1, 1} || !slices.Equal(v, x[2:4]) {
		t.Errorf("%v of shape %v", v, shape)
	}
	var b bytes.Buffer
	err = WriteNpz(&b, FloatsArray("x", []int{3}, func(put func([]float32) error) error { return put(x[:2]) }))
	if err == nil || !strings.HasSuffix(err.Error(), "1 elements are missing") {
		t.Errorf("too few elements: %v", err)
	}
}
