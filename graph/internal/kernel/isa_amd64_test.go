//go:build amd64

package kernel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The assembly reads the fields of a tile at offsets that its generator writes down.
func TestTileOffsets(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "_asm/tile.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	fields := reflect.TypeFor[tile]()
	count := 0
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.ValueSpec)
		if !ok || len(s.Values) != 1 || !strings.HasPrefix(s.Names[0].Name, "tile") {
			return true
		}
		count++
		name, length := strings.CutSuffix(strings.TrimPrefix(s.Names[0].Name, "tile"), "Count") // the second word of a slice
		first, size := utf8.DecodeRuneInString(name)
		field, ok := fields.FieldByName(string(unicode.ToLower(first)) + name[size:])
		want := field.Offset
		if length {
			want += 8
		}
		value, _ := s.Values[0].(*ast.BasicLit)
		if got, err := strconv.Atoi(value.Value); !ok || err != nil || uintptr(got) != want {
			t.Errorf("%s is %s in _asm/tile.go, want %d", s.Names[0].Name, value.Value, want)
		}
		return true
	})
	if count < fields.NumField() {
		t.Errorf("_asm/tile.go has %d offsets, a tile %d fields", count, fields.NumField())
	}
	if p := reflect.TypeFor[tap](); p.Size() != 16 || p.Field(0).Name != "at" || p.Field(1).Offset != 8 {
		t.Errorf("a tap is %v, the assembly reads two words: at, count", p)
	}
}
