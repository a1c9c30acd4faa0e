package graft_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sources are the files of a package but for its tests and what protoc has made.
func sources(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// undocumented is what of a package is exported and has no comment of its own, nor one of
// the group it stands in.
func undocumented(files []*ast.File) (names []string) {
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && ofExported(d) && !interfaces[d.Name.Name] {
					names = append(names, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					names = append(names, bare(d, s)...)
				}
			}
		}
	}
	return names
}

// interfaces are methods whose meaning the standard library or Gorgonia says.
var interfaces = map[string]bool{
	"Error": true, "Unwrap": true, "String": true, "Close": true, "Hint": true, "Is": true,
	"MarshalJSON": true, "UnmarshalJSON": true, "UnmarshalYAML": true, "MarshalYAML": true,
}

func ofExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	switch t := d.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		return ast.IsExported(t.X.(*ast.Ident).Name)
	case *ast.Ident:
		return t.IsExported()
	}
	return true
}

// bare are the exported names of a declaration that say nothing.
func bare(d *ast.GenDecl, s ast.Spec) []string {
	var names []string
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			names = append(names, s.Name.Name)
		}
	case *ast.ValueSpec:
		for _, n := range s.Names {
			if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// TestDocumented: every package has a manual, and every exported name its comment.
func TestDocumented(t *testing.T) {
	module := goList(t, ".")[0].Module.Path
	for _, p := range goList(t, "./...") {
		dir, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok {
			continue
		}
		files, manual := sources(t, dir), ""
		for _, f := range files {
			manual += f.Doc.Text()
		}
		names := undocumented(files)
		if slices.Sort(names); len(names) > 0 {
			t.Errorf("%s: no comment on %s", dir, strings.Join(names, ", "))
		}
		begins := "Package " + p.Name + " "
		if p.Name == "main" {
			begins = "Command "
		}
		if !strings.HasPrefix(manual, begins) {
			t.Errorf("%s: its manual does not begin %q", dir, begins)
		}
	}
}

// TestSettingsDocumented: every field of what a caller sets is explained: by a comment of
// its own or by one that names it.
func TestSettingsDocumented(t *testing.T) {
	module := goList(t, ".")[0].Module.Path
	settings := 0
	for _, p := range goList(t, "./...") {
		dir, ok := strings.CutPrefix(p.ImportPath, module+"/")
		if !ok {
			continue
		}
		for _, f := range sources(t, dir) {
			ast.Inspect(f, func(n ast.Node) bool {
				s, ok := n.(*ast.TypeSpec)
				if !ok || !s.Name.IsExported() || !isSettings(s.Name.Name) {
					return true
				}
				fields, ok := s.Type.(*ast.StructType)
				if !ok {
					return true
				}
				settings++
				text := ""
				for _, c := range f.Comments {
					if s.Pos() < c.Pos() && c.End() < s.End() {
						text += c.Text()
					}
				}
				for _, field := range fields.Fields.List {
					for _, name := range field.Names {
						if name.IsExported() && field.Doc == nil && field.Comment == nil && !strings.Contains(text, name.Name) {
							t.Errorf("%s: no comment on %s.%s", dir, s.Name.Name, name.Name)
						}
					}
				}
				return true
			})
		}
	}
	if settings < 10 {
		t.Errorf("only %d structs of settings found", settings)
	}
}

func isSettings(name string) bool {
	for _, end := range []string{"Config", "Options", "Settings", "Limits"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return name == "Training" || name == "Recording" || name == "Preprocess"
}
