package finetune

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"graft/durable/faulty"
)

// TestStore: features from a folder give the model that computing them gives; they are
// computed once, an interrupted training's are taken, and damaged ones computed anew.
func TestStore(t *testing.T) {
	tr, va := digits(t, 60, 40)
	c := Config{Freeze: "all", Epochs: 2, Batch: 16, Augment: "flip"}
	want, err := Train(context.Background(), base(t), tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	c.Cache = filepath.Join(t.TempDir(), "kept", "here")
	files := func() (list []string) {
		filepath.WalkDir(c.Cache, func(path string, e os.DirEntry, _ error) error {
			if e != nil && e.Type().IsRegular() {
				list = append(list, path)
			}
			return nil
		})
		return list
	}
	ctx, stop := context.WithCancel(context.Background())
	c.Progress = func(stage string, done, _ int) {
		if done >= 32 {
			stop()
		}
	}
	if _, err := Train(ctx, base(t), tr, va, c); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := len(files()); n < 32 || n >= 160 {
		t.Fatalf("an interrupted training leaves %d files", n)
	}
	computed := 0
	c.Progress = func(stage string, done, total int) {
		if stage == "features" {
			computed = total - done
		}
	}
	for round := range 3 {
		got, err := Train(context.Background(), base(t), tr, va, c)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(marshal(t, want.Best), marshal(t, got.Best)) || computed != 0 {
			t.Errorf("round %d: another model, or %d features missing", round, computed)
		}
		list := files()
		if len(list) != 60+60+40 { // plain, mirrored, validation
			t.Errorf("round %d: %d files", round, len(list))
		}
		if round == 1 { // damage two
			os.Truncate(list[0], 9)
			b, _ := os.ReadFile(list[1])
			b[5] ^= 1
			os.WriteFile(list[1], b, 0o666)
		}
	}
	before := len(files())
	c.After, c.Seed = "3", 1 // another part of the network
	if _, err := Train(context.Background(), base(t), tr, va, c); err != nil {
		t.Fatal(err)
	}
	if n := len(files()); n != 2*before {
		t.Errorf("another cut: %d files, before %d", n, before)
	}
	if err := os.WriteFile(filepath.Join(c.Cache, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	c.Cache = filepath.Join(c.Cache, "file")
	if _, err := Train(context.Background(), base(t), tr, va, c); err == nil {
		t.Error("a file in the folder's place is taken")
	}
}

// aStore is one in memory, with an image's features.
func aStore(width int) (s *store, features []float32, image [32]byte) {
	for i := range width {
		features = append(features, float32(i)-0.5)
	}
	return &store{"kept", width, faulty.New(nil)}, features, [32]byte{1, 2, 3}
}

// TestStoreFaults: whatever fails while features are written, and whenever the power goes,
// they are read whole or not at all, and writing them again mends it.
func TestStoreFaults(t *testing.T) {
	s, want, image := aStore(40)
	other := slices.Clone(want)
	other[7]++
	s.save(other, image, false)
	name := s.path(image, false)
	for title, old := range map[string]map[string][]byte{"first": nil, "over others": s.disk.(*faulty.FS).Files(), "over a part": {name: {1, 2, 3}}} {
		t.Run(title, func(t *testing.T) {
			at := func(f *faulty.FS) *store { return &store{"kept", 40, f} }
			check := func(t *testing.T, f *faulty.FS) {
				t.Helper()
				got, was := make([]float32, 40), make([]float32, 40)
				there, had := at(f).load(got, image, false), at(faulty.New(old)).load(was, image, false)
				if !slices.Equal(got, want) && (there != had || !slices.Equal(got, was)) {
					t.Errorf("read %v: %v", there, got)
				}
				if err := at(f).save(want, image, false); err != nil || !at(f).load(got, image, false) || !slices.Equal(got, want) {
					t.Errorf("written again: %v", err)
				}
			}
			faulty.Each(t, old, func(f *faulty.FS) error { return at(f).save(want, image, false) }, func(t *testing.T, f *faulty.FS, err error) {
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the feature cache") {
					t.Errorf("error %v", err)
				}
				for left := range f.Files() {
					if left != name {
						t.Errorf("left %s", left)
					}
				}
				check(t, faulty.New(f.Files()))
			}, check)
		})
	}
}

// TestStoreEveryByte: a change of any byte of kept features is found.
func TestStoreEveryByte(t *testing.T) {
	s, want, image := aStore(20)
	if err := s.save(want, image, true); err != nil {
		t.Fatal(err)
	}
	got, name := make([]float32, 20), s.path(image, true)
	if !s.load(got, image, true) || !slices.Equal(got, want) {
		t.Fatalf("read %v", got)
	}
	file := s.disk.(*faulty.FS).Files()[name]
	read := func(b []byte) bool {
		return (&store{"kept", 20, faulty.New(map[string][]byte{name: b})}).load(got, image, true)
	}
	for i := range file {
		for range 255 {
			if file[i]++; read(file) {
				t.Fatalf("byte %d as %d was taken", i, file[i])
			}
		}
		if file[i]++; read(file[:i]) {
			t.Fatalf("%d bytes were taken", i)
		}
	}
	if !read(file) || read(append(file, 0)) {
		t.Error("only the file itself is whole")
	}
}
