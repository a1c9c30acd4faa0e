package finetune

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
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
