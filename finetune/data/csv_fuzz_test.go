package data

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

// FuzzCSV reads any bytes as a list in a folder that holds two pictures: what is
// accepted names files of the folder, and what is refused is one line.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"path,label\na/1.png,x\nb/2.png,y\n", "a/1.png,0\nb/2.png,1\n", "label,path\n\"x\",\"a/1.png\"\ny,b/2.png", "path;label\na/1.png;x",
		"\xef\xbb\xbfpath,label\r\na/1.png,x\r\nb/2.png,y\r\n", "path,label\n../a,x\n/b,y\n", "path,label\n\"a\nb\",x\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		files := fstest.MapFS{"list.csv": {Data: b}, "a/1.png": {Data: []byte("x")}, "b/2.png": {Data: []byte("x")}}
		d, err := (&tree{fs: files}).csv("list.csv")
		if err != nil {
			if s := show(err.Error()); len(err.Error()) > 4096 || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("error %s", s)
			}
			return
		}
		for _, item := range d.Train.Items {
			if item.Name != "a/1.png" && item.Name != "b/2.png" || item.Label < 0 || item.Label >= len(d.Train.Classes) {
				t.Errorf("item %+v of classes %q", item, d.Train.Classes)
			}
		}
	})
}

// FuzzHeads reads any bytes as a list of labels, numbers and classes: what is accepted
// tells each picture as many numbers as the heads have, and what is refused is one line.
func FuzzHeads(f *testing.F) {
	for _, text := range []string{"path,tags,age,kind\na/1.png,x|y,3,k\nb/2.png,,4,l\n", "path,x,y\na/1.png,0,1\nb/2.png,1,1", "path,age\na/1.png,1e3\n", "path,tags\na/1.png,x y\n"} {
		for kind := range uint8(4) {
			f.Add([]byte(text), kind)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		files := fstest.MapFS{"list.csv": {Data: b}, "a/1.png": {Data: []byte("x")}, "b/2.png": {Data: []byte("x")}}
		heads := [][]Head{{{Kind: Labels}}, {{Kind: Values}}, {{Kind: Class}}, {{Name: "kind", Kind: Class}, {Name: "age", Kind: Values}, {Name: "tags", Kind: Labels}}}[kind%4]
		d, err := (&tree{files, heads}).csv("list.csv")
		if err != nil {
			if s := show(err.Error()); len(err.Error()) > 4096 || strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Errorf("error %s", s)
			}
			return
		}
		width := 0
		for _, h := range d.Train.Heads {
			width += h.Told()
		}
		for i, item := range d.Train.Items {
			if len(item.Told) != width || item.Label != -1 && kind%4 != 2 || d.Train.Answer(i) == "" {
				t.Errorf("item %+v of heads %+v", item, d.Train.Heads)
			}
		}
		d.Train.Describe()
	})
}
