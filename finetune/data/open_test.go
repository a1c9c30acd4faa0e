package data

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// content is the files of a made-up source by path; a path that ends in / is an empty folder. "IMG" stands for a
// picture.
type content map[string]string

func (c content) bytes(t testing.TB, name string) []byte {
	t.Helper()
	if c[name] != "IMG" {
		return []byte(c[name])
	}
	b, err := os.ReadFile("testdata/images/png_palette_4bit.png")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c content) names() (names []string) {
	for n := range c {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (c content) folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for n := range c {
		p := filepath.Join(dir, filepath.FromSlash(n))
		at := filepath.Dir(p)
		if strings.HasSuffix(n, "/") {
			at = p
		}
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if at != p {
			if err := os.WriteFile(p, c.bytes(t, n), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func (c content) zip(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range c.names() {
		w, err := z.Create(n)
		if err == nil && !strings.HasSuffix(n, "/") {
			_, err = w.Write(c.bytes(t, n))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return saved(t, "set.zip", b.Bytes())
}

func saved(t testing.TB, name string, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// summary is the kind, the classes, and the labels of each part by name of the item.
func summary(d *Data) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", strings.TrimPrefix(d.Kind, "zip "), d.Train.Classes)
	for _, s := range []*Set{d.Train, d.Val, d.Test} {
		b.WriteString(" |")
		if s != nil {
			for _, it := range s.Items {
				fmt.Fprintf(&b, " %s=%d", it.Name, it.Label)
			}
		}
	}
	return b.String()
}

func idxBytes(kind byte, dims []int, elements ...byte) string {
	b := []byte{0, 0, kind, byte(len(dims))}
	for _, d := range dims {
		b = append(b, byte(d>>24), byte(d>>16), byte(d>>8), byte(d))
	}
	return string(append(b, elements...))
}

func packed(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	w.Close()
	return b.String()
}

// Every form of source gives the same whether it lies in a folder or in a .zip.
func TestOpen(t *testing.T) {
	two := idxBytes(8, []int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	for _, c := range []struct {
		name string
		c    content
		want string
	}{
		{"train and val", content{"train/bee/1.jpg": "IMG", "train/ant/2.png": "IMG", "val/bee/3.png": "IMG"},
			"folder [ant bee] | train/ant/2.png=0 train/bee/1.jpg=1 | val/bee/3.png=1 |"},
		{"train, valid and test in a folder", content{"set/Train/b/1.png": "IMG", "set/Train/a/1.png": "IMG", "set/valid/a/1.png": "IMG", "set/test/b/1.png": "IMG", "set/README.md": "hi"},
			"folder [a b] | set/Train/a/1.png=0 set/Train/b/1.png=1 | set/valid/a/1.png=0 | set/test/b/1.png=1"},
		{"unlabelled test", content{"train/b/1.png": "IMG", "train/a/1.png": "IMG", "test/1.png": "IMG"},
			"folder [a b] | train/a/1.png=0 train/b/1.png=1 | |"},
		{"class folders", content{"b/1.png": "IMG", "a/deep/er/1.png": "IMG", "a/2": "IMG", "a/notes.txt": "hi", "a/empty": ""},
			"folder [a b] | a/2=0 a/deep/er/1.png=0 b/1.png=1 | |"},
		{"folders around", content{"x/y/b/1.png": "IMG", "x/y/a/1.png": "IMG"},
			"folder [a b] | x/y/a/1.png=0 x/y/b/1.png=1 | |"},
		{"train alone", content{"train/b/1.png": "IMG", "train/a/1.png": "IMG"},
			"folder [a b] | train/a/1.png=0 train/b/1.png=1 | |"},
		{"hidden files", content{"a/1.png": "IMG", "b/1.png": "IMG", "a/.x.png": "IMG", "__MACOSX/a/1.png": "IMG", ".git/x": "", "b/Thumbs.db": "IMG", ".DS_Store": ""},
			"folder [a b] | a/1.png=0 b/1.png=1 | |"},
		{"folders named by numbers", content{"2/1.png": "IMG", "10/1.png": "IMG"},
			"folder [10 2] | 10/1.png=0 2/1.png=1 | |"},
		{"list", content{"list.csv": "i/1.png,dog\ni/2.png,cat\n", "i/1.png": "IMG", "i/2.png": "IMG"},
			"csv [cat dog] | i/1.png=1 i/2.png=0 | |"},
		{"list with header, mark and more columns", content{"l.csv": "\ufeffid,Label,Path\r\n7,\"a, b\",1.png\r\n8,c,./2.png\r\n", "1.png": "IMG", "2.png": "IMG"},
			"csv [a, b c] | 1.png=0 2.png=1 | |"},
		{"list of numbers", content{"l.csv": "1.png,10\n2.png,9\n3.png,10\n", "1.png": "IMG", "2.png": "IMG", "3.png": "IMG"},
			"csv [9 10] | 1.png=1 2.png=0 3.png=1 | |"},
		{"lists of the parts", content{"set/train.csv": "1.png,b\n2.png,a\n", "set/val.csv": "3.png,b\n", "set/1.png": "IMG", "set/2.png": "IMG", "set/3.png": "IMG"},
			"csv [a b] | set/1.png=1 set/2.png=0 | set/3.png=1 |"},
		{"idx", content{"t10k-images-idx3-ubyte": two, "t10k-labels-idx1-ubyte": idxBytes(8, []int{2}, 7, 3)},
			"idx [3 7] | t10k-images-idx3-ubyte[0]=1 t10k-images-idx3-ubyte[1]=0 | |"},
		{"idx, packed, both parts", content{"m/train-images.idx3-ubyte.gz": packed(two), "m/train-labels.idx1-ubyte": idxBytes(8, []int{2}, 7, 3),
			"m/t10k-images.idx3-ubyte": idxBytes(8, []int{1, 2, 2}, 1, 2, 3, 4), "m/t10k-labels.idx1-ubyte.gz": packed(idxBytes(8, []int{1}, 7))},
			"idx [3 7] | m/train-images.idx3-ubyte.gz[0]=1 m/train-images.idx3-ubyte.gz[1]=0 | | m/t10k-images.idx3-ubyte[0]=1"},
	} {
		for form, path := range map[string]string{"folder": c.c.folder(t), "zip": c.c.zip(t)} {
			d, err := Open(path)
			if err != nil {
				t.Errorf("%s, %s: %v", c.name, form, err)
				continue
			}
			if got := summary(d); strings.TrimSpace(got) != c.want {
				t.Errorf("%s, %s:\n got %s\nwant %s", c.name, form, got, c.want)
			}
			if _, err := d.Train.Image(0); err != nil {
				t.Errorf("%s, %s: %v", c.name, form, err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	images := idxBytes(8, []int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)
	for _, c := range []struct {
		name string
		c    content
		want string
	}{
		{"nothing", content{}, "no class folders"},
		{"deep", content{"a/1.png": "IMG", "b/" + strings.Repeat("d/", 40) + "1.png": "IMG"}, "more than 32 folders deep"},
		{"no images", content{"a/1.txt": "hi", "b/": ""}, "a: no images in this class folder"},
		{"images alone", content{"1.png": "IMG"}, "no class folders"},
		{"one class", content{"ants/1.png": "IMG"}, "ants: no class folders"},
		{"one class in train", content{"train/ants/1.png": "IMG", "val/ants/1.png": "IMG"}, "train: one class (ants), want two or more"},
		{"train without classes", content{"train/1.png": "IMG", "val/a/1.png": "IMG"}, "train: no class folders"},
		{"empty class", content{"train/a/1.png": "IMG", "train/b/": "", "val/a/1.png": "IMG"}, "train/b: no images in this class folder"},
		{"class of val unknown", content{"train/a/1.png": "IMG", "train/b/1.png": "IMG", "val/wasp/1.png": "IMG"}, "val/wasp: a class that the training part does not have"},
		{"no train", content{"val/a/1.png": "IMG", "val/b/1.png": "IMG", "Test/a/1.png": "IMG"}, "folders Test, val without a folder train"},
		{"list beside folders", content{"l.csv": "a/1.png,a\nb/1.png,b\n", "a/1.png": "IMG", "b/1.png": "IMG"}, "both a list (l.csv) and folders (a, …)"},
		{"val and valid", content{"train/a/1.png": "IMG", "train/b/1.png": "IMG", "val/a/1.png": "IMG", "valid/a/1.png": "IMG"}, "both val and valid"},
		{"loose image", content{"a/1.png": "IMG", "b/1.png": "IMG", "1.png": "IMG"}, "1.png: an image outside of the class folders"},
		{"unsupported image", content{"a/1.png": "IMG", "b/1.tif": "II*"}, "b/1.tif: .tif images are not supported"},
		{"list with a missing file", content{"l.csv": "1.png,a\n2.png,b\n", "1.png": "IMG"}, "l.csv: line 2: 2.png: no such file or folder"},
		{"list that leaves its folder", content{"l.csv": "../1.png,a\n"}, "l.csv: line 1: ../1.png: outside of the list's folder"},
		{"list with an absolute path", content{"l.csv": "/etc/passwd,a\n"}, "/etc/passwd: outside of the list's folder"},
		{"list of one class", content{"l.csv": "1.png,a\n", "1.png": "IMG"}, "l.csv: one class (a)"},
		{"list without images", content{"l.csv": "path,label\n"}, "l.csv: no images in this list"},
		{"list without label", content{"l.csv": "1.png,\n", "1.png": "IMG"}, "line 1: no label"},
		{"list of three columns", content{"l.csv": "1.png,a,b\n", "1.png": "IMG"}, "line 1: 3 columns and no header"},
		{"list with a ragged line", content{"l.csv": "1.png,a\n1.png\n", "1.png": "IMG"}, "line 2: 1 columns, the first line has 2"},
		{"list with a bad quote", content{"l.csv": "1.png,\"a\n", "1.png": "IMG"}, "l.csv: line"},
		{"list of val with another class", content{"train.csv": "1.png,a\n1.png,b\n", "val.csv": "1.png,c\n", "1.png": "IMG"}, "val.csv: line 1: class c"},
		{"two lists", content{"x.csv": "1.png,a\n", "y.csv": "1.png,c\n", "1.png": "IMG"}, "2 .csv lists"},
		{"idx without labels", content{"train-images-idx3-ubyte": images}, "no labels file train-labels-idx1-ubyte beside it"},
		{"idx with few labels", content{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": idxBytes(8, []int{1}, 7)}, "1 labels for 2 images"},
		{"idx of one class", content{"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": idxBytes(8, []int{2}, 7, 7)}, "one class (7)"},
		{"idx too long", content{"train-images-idx3-ubyte": images + "x"}, "longer than declared"},
		{"idx cut", content{"train-images-idx3-ubyte": images[:19]}, "cut short"},
		{"idx of floats", content{"train-images-idx3-ubyte": idxBytes(13, []int{2, 2, 2})}, "type 0x0d"},
		{"idx bomb", content{"train-images-idx3-ubyte": idxBytes(8, []int{0x7fffffff, 0x7fffffff, 0x7fffffff})}, "more than the file can hold"},
		{"packed idx bomb", content{"train-images-idx3-ubyte.gz": packed(idxBytes(8, []int{60000, 28, 28}))}, "more than the file can hold"},
		{"idx that is none", content{"train-images-idx3-ubyte": "hello"}, "not an IDX file"},
	} {
		for form, path := range map[string]string{"folder": c.c.folder(t), "zip": c.c.zip(t)} {
			checkRefused(t, c.name+", "+form, path, c.want)
		}
	}
}

// checkRefused wants one line from Open that names the path and says why.
func checkRefused(t *testing.T, name, path, want string) {
	t.Helper()
	d, err := Open(path)
	if err == nil {
		t.Errorf("%s: taken as %s", name, summary(d))
		return
	}
	msg := err.Error()
	if !strings.HasPrefix(msg, "data: "+path+": ") || !strings.Contains(msg, want) || strings.Contains(msg, "\n") {
		t.Errorf("%s: error %v, want %q", name, err, want)
	}
}

func TestOpenRefusesFiles(t *testing.T) {
	png := content{"1": "IMG"}.bytes(t, "1")
	checkRefused(t, "missing", filepath.Join(t.TempDir(), "gone"), "no such file or folder")
	checkRefused(t, "empty", saved(t, "x.npz", nil), "neither a folder nor")
	checkRefused(t, "an image", saved(t, "x.png", png), "a single image")
	checkRefused(t, "text", saved(t, "x.txt", []byte("hello")), "neither a folder nor")
	checkRefused(t, "zip cut", saved(t, "x.zip", []byte("PK\x03\x04abc")), "damaged archive")
	checkRefused(t, "empty zip", content{}.zip(t), "no class folders")
}

// Links lead within the folder or nowhere; circles end.
func TestOpenLinks(t *testing.T) {
	outside := saved(t, "secret.png", content{"1": "IMG"}.bytes(t, "1"))
	dir := content{"a/1.png": "IMG", "b/1.png": "IMG"}.folder(t)
	if err := os.Symlink("1.png", filepath.Join(dir, "a", "2.png")); err != nil {
		t.Skip(err)
	}
	d, err := Open(dir)
	if err != nil || d.Train.Len() != 3 {
		t.Fatalf("a link to a file beside it: %v", err)
	}
	d.Close()
	os.Symlink("..", filepath.Join(dir, "a", "loop"))
	checkRefused(t, "circle", dir, "links")
	os.Remove(filepath.Join(dir, "a", "loop"))
	os.Symlink(outside, filepath.Join(dir, "b", "out.png"))
	checkRefused(t, "link out of the folder", dir, "b/out.png: link: ")
}

func TestBadImageIsNamed(t *testing.T) {
	c := content{"a/1.png": "IMG", "a/bad\x1b.png": "hello", "b/1.png": "IMG"}
	for _, path := range []string{c.folder(t), c.zip(t)} {
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.Train.Image(1); err == nil || err.Error() != `data: "a/bad\x1b.png": not a JPEG, PNG, GIF, WebP or BMP image` {
			t.Errorf("error %v", err)
		}
	}
}

// A zip entry that declares more than its bytes can hold is refused before memory is taken for it.
func TestZipBomb(t *testing.T) {
	path := content{"a/1.png": "IMG", "b/1.png": "IMG"}.zip(t)
	b, _ := os.ReadFile(path)
	at := bytes.LastIndex(b, []byte("PK\x01\x02")) // b/1.png's entry in the directory
	for size, want := range map[string]string{"\xff\xff\xff\x1f": "at most", "\x00\x00\xff\x0f": "forged size", "\x10\x00\x00\x00": "not a valid zip file"} {
		forged := bytes.Clone(b)
		copy(forged[at+24:], size)
		d, err := Open(saved(t, "x.zip", forged))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Train.Image(1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("size %q: error %v, want %q", size, err, want)
		}
		d.Close()
	}
	locked := bytes.Clone(b)
	locked[at+8] |= 1
	d, err := Open(saved(t, "x.zip", locked))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Train.Image(1); err == nil || !strings.Contains(err.Error(), "b/1.png: encrypted") {
		t.Errorf("error %v", err)
	}
}

func TestOpenImages(t *testing.T) {
	dir := content{"b.png": "IMG", "a/2.png": "IMG", "a/1.png": "IMG", "note.txt": "hi"}.folder(t)
	single := filepath.Join(dir, "b.png")
	s, err := OpenImages(single, dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, it := range s.Items {
		got = append(got, strings.TrimPrefix(it.Name, dir+"/"))
		if it.Label != -1 {
			t.Errorf("%s has the label %d", it.Name, it.Label)
		}
		if _, err := s.Image(i); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"b.png", "a/1.png", "a/2.png", "b.png"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "gone.png"): "no such file or folder",
		filepath.Join(dir, "note.txt"): "not a JPEG",
		t.TempDir():                    "no images",
	} {
		if _, err := OpenImages(path); err == nil || !strings.Contains(err.Error(), path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	if _, err := OpenImages(); err == nil {
		t.Error("no path is taken")
	}
}
