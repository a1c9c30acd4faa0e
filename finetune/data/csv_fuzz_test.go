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
