package data

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

func TestHeads(t *testing.T) {
	tags, age, kind := Head{Name: "tags", Kind: Labels}, Head{Name: "age", Kind: Values}, Head{Name: "kind", Kind: Class}
	for _, c := range []struct {
		name, list string
		heads      []Head
		want       string // what is told of each, the names, Describe; or the error
	}{
		{"labels in a column", "path,labels\n1.png,sea|sky\n2.png,\n3.png,sky\n", []Head{{Kind: Labels}},
			"[1 1] [0 0] [0 1] [sea sky] 3 images, 2 labels: sea 1, sky 2"},
		{"labels divided by blanks", "image,tags\n1.png,sea  sky\n2.png,sky\n3.png,sun\n", []Head{{Kind: Labels}},
			"[1 1 0] [0 1 0] [0 0 1] [sea sky sun] 3 images, 3 labels: sea 1, sky 2, sun 1"},
		{"blanks within labels", "path,tags\n1.png,hot dog;bun\n2.png, bun \n3.png,hot dog\n", []Head{{Kind: Labels}},
			"[1 1] [1 0] [0 1] [bun hot dog] 3 images, 2 labels: bun 2, hot dog 2"},
		{"a column a label", "path,sea,sky\n1.png,1,0\n2.png,0,1.0\n3.png,1,1\n", []Head{{Kind: Labels}},
			"[1 0] [0 1] [1 1] [sea sky] 3 images, 2 labels: sea 2, sky 2"},
		{"a column of names, given by its own", "path,age,tags\n1.png,3,sea|sky\n2.png,4,\n3.png,5,sky\n", []Head{{Kind: Labels, Classes: []string{"tags"}}},
			"[1 1] [0 0] [0 1] [sea sky] 3 images, 2 labels: sea 1, sky 2"},
		{"a column of marks", "path,age,sea\n1.png,3,1\n2.png,4,0\n3.png,5,1\n", []Head{{Kind: Labels, Classes: []string{"sea"}}},
			"[1] [0] [1] [sea] 3 images, 1 labels: sea 2"},
		{"numbers", "age,path,height\n3,1.png,-1.5\n4,2.png,1e2\n8,3.png,0\n", []Head{{Kind: Values}},
			"[3 -1.5] [4 100] [8 0] [age height] 3 images; age: 3 to 8; height: -1.5 to 100"},
		{"row numbers as pandas writes them", ",path,age\n0,1.png,3\n1,2.png,4\n2,3.png,8\n", []Head{{Kind: Values}},
			"[3] [4] [8] [age] 3 images; age: 3 to 8"},
		{"numbers of some columns", "id,path,age\nx,1.png,3\ny,2.png,4\nz,3.png,8\n", []Head{{Kind: Values, Classes: []string{"AGE"}}},
			"[3] [4] [8] [AGE] 3 images; AGE: 3 to 8"},
		{"several heads", "path,kind,age,tags\n1.png,dog,3,a b\n2.png,cat,4,b\n3.png,dog,5,\n", []Head{kind, age, tags},
			"[1 3 1 1] [0 4 0 1] [1 5 0 0] [cat dog age a b] 3 images; kind: 2 classes; age: 3 to 5; tags: 2 labels"},
		{"known labels", "path,tags\n1.png,b\n2.png,b\n3.png,b\n", []Head{{Kind: Labels, Classes: []string{"a", "b"}}}, "[0 1] [0 1] [0 1] [a b] 3 images, 2 labels: a 0, b 3"},
		{"a label not known", "path,tags\n1.png,b\n2.png,c\n3.png,b\n", []Head{{Kind: Labels, Classes: []string{"a", "b"}}}, "line 3: column tags: label c, which the training part does not have"},
		{"a word for a number", "path,age\n1.png,3\n2.png,old\n3.png,4\n", []Head{{Kind: Values}}, "line 3: column age: old is no number"},
		{"no finite number", "path,age\n1.png,3\n2.png,inf\n3.png,4\n", []Head{{Kind: Values}}, "line 3: column age: inf is no number"},
		{"an empty cell", "path,age,tags\n1.png,3,a\n2.png,,a\n3.png,4,a\n", []Head{age, tags}, `line 3: column age: "" is no number`},
		{"a count for a label", "path,sea,sky\n1.png,1,0\n2.png,0,2\n3.png,1,1\n", []Head{{Kind: Labels}}, "line 3: column sky: 2, want 0 or 1"},
		{"no such column", "path,age\n1.png,3\n", []Head{kind, age}, "no column kind, only path, age"},
		{"no header", "1.png,3\n2.png,4\n", []Head{{Kind: Values}}, "line 1: no header with a column path"},
		{"one class", "path,kind\n1.png,dog\n", []Head{kind}, "column kind: 1 class names, want more"},
		{"no label at all", "path,tags\n1.png,\n", []Head{tags}, "column tags: 0 label names, want more"},
		{"only a path", "path\n1.png\n", []Head{{Kind: Values}}, "no column beside the path's"},
		{"no name", ",path\n0,1.png\n", []Head{{Kind: Values}}, "no column beside the path's"},
		{"not all columns", "path,sea,sun\n1.png,0,1\n", []Head{{Kind: Labels, Classes: []string{"sea", "sky"}}}, "not all of the columns sea, sky, only path, sea, sun"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{"l.csv": {Data: []byte(c.list)}}
			for i := range 3 {
				files[fmt.Sprintf("%d.png", i+1)] = &fstest.MapFile{Data: []byte("IMG")}
			}
			d, err := (&tree{files, c.heads}).csv("l.csv")
			if err != nil {
				if got := err.Error(); got != "l.csv: "+c.want {
					t.Errorf("error %s, want %s", got, c.want)
				}
				return
			}
			var b strings.Builder
			for _, it := range d.Train.Items {
				fmt.Fprint(&b, it.Told, " ")
			}
			var names []string
			for _, h := range d.Train.Heads {
				names = append(names, h.Classes...)
			}
			if got := fmt.Sprint(b.String(), names, " ", d.Train.Describe()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if tr, va, err := d.Train.Split(0.4, 1); err != nil || tr.Len()+va.Len() != 3 || va.Len() == 0 {
				t.Errorf("split: %v", err)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	s := &Set{Heads: []Head{{Name: "kind", Kind: Class, Classes: []string{"cat", "dog"}}, {Name: "tags", Kind: Labels, Classes: []string{"a", "b"}}, {Name: "age", Kind: Values, Classes: []string{"age"}}},
		Items: []Item{{Told: []float32{1, 1, 1, 3.5}}, {Told: []float32{0, 0, 0, -1}}}}
	if got := s.Answer(0) + "; " + s.Answer(1); got != "kind dog, tags a, b, age 3.5; kind cat, tags none, age -1" {
		t.Error(got)
	}
}
