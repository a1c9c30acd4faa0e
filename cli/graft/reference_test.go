package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"graft/models"
)

var update = flag.Bool("update", false, "write docs/reference anew, as make docs does")

const generated = "<!-- Made by make docs from the code; changes here are lost. -->\n\n"

// TestReference holds docs/reference to the code.
func TestReference(t *testing.T) {
	for name, text := range map[string]string{
		"verbs.md": verbsPage(), "files.md": filesPage(t), "metadata.md": metadataPage(t), "exit-codes.md": exitPage(),
	} {
		path := filepath.Join("../../docs/reference", name)
		text = generated + text
		if *update {
			if err := writeFile(path, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil || string(b) != text {
			t.Errorf("docs/reference/%s is not what the code says: run make docs (%v)", name, err)
		}
	}
}

// cell is text in a cell of a Markdown table.
func cell(s string) string { return strings.ReplaceAll(escape(s), "|", `\|`) }

// flagCell is a flag's names and value as code.
func flagCell(left string) string {
	return "`" + cell(strings.TrimSpace(left)) + "`"
}

func verbsPage() string {
	var b strings.Builder
	b.WriteString("# Verbs and flags\n\n" + aboutGraft + " The command line is\n\n    graft VERB MODEL [DATA] [flags]\n\n" +
		"and flags may stand before, between or after the arguments, as `--flag value` or `--flag=value`; after `--` all is arguments.\n\n")
	for _, v := range ownVerbs() {
		fmt.Fprintf(&b, "- [%s](#graft-%s): %s\n", v.Name, v.Name, v.Usage)
	}
	b.WriteString("\n## Flags of every verb\n\n| flag | what it does |\n|---|---|\n")
	for _, f := range append(commonFlags(), helpFlag, versionFlag) {
		left, right := flagLine(f)
		fmt.Fprintf(&b, "| %s | %s |\n", flagCell(left), cell(right))
	}
	for _, v := range ownVerbs() {
		fmt.Fprintf(&b, "\n## graft %s\n\n%s%s.\n\n    graft %s %s\n", v.Name, strings.ToUpper(v.Usage[:1]), v.Usage[1:], v.Name, v.ArgsUsage)
		for _, p := range paragraphs(v) {
			fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(p))
		}
		b.WriteString("\n```\n" + strings.Join(examples(v), "\n") + "\n```\n")
		for _, s := range flagSections(v) {
			if s.heading == everyVerbSection {
				continue
			}
			fmt.Fprintf(&b, "\n| %s | |\n|---|---|\n", s.heading)
			for _, f := range s.flags {
				left, right := flagLine(f)
				fmt.Fprintf(&b, "| %s | %s |\n", flagCell(left), cell(right))
			}
		}
	}
	return b.String()
}

// escapeMarkdown keeps what help writes as it is.
func escapeMarkdown(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`).Replace(s)
}

func exitPage() string {
	var b strings.Builder
	b.WriteString("# Exit statuses\n\n| status | meaning |\n|---|---|\n")
	for _, s := range exitStatuses {
		fmt.Fprintf(&b, "| %d | %s |\n", s.status, s.meaning)
	}
	b.WriteString(`
A failure is one line on stderr, ` + "`graft: error: `" + ` and where, what, what came and what was wanted; then at most one line
` + "`graft: hint: `" + ` with what to type next. Nothing of it goes to stdout, which carries results only.
`)
	return b.String()
}

// argumentFiles are what the verbs' arguments name.
var argumentFiles = map[string]string{
	"MODEL": "the model", "A.onnx": "a model", "B.onnx": "another model", "DATA": "labelled images, see Data", "FILE|DIR": "images",
	"MODEL|RUN": "models, and folders of trainings", "PATH": "check files and test folders, see Checks", "DATA|PLAN": "plan: labelled images; the others: the plan",
}

// fileWords are the placeholders that stand for files and folders.
var fileWords = regexp.MustCompile(`\b(FILE|DIR|MODEL|DATA|PATH|PLAN|RUN)\b|\.onnx`)

func filesPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Files\n\nA file that graft writes is old or new after a crash, never in part: it is written beside its place and renamed. " +
		"A failed command leaves none, and no verb overwrites its input.\n\n## By verb\n\n" +
		"MODEL is an .onnx file, with its external data beside it, or the name of a network that `graft models pull` has fetched.\n\n" +
		"| verb | argument or flag | what it is |\n|---|---|---|\n")
	for _, v := range ownVerbs() {
		for _, place := range strings.Fields(v.ArgsUsage) {
			if strings.HasPrefix(place, "-") || place == "[flags]" {
				break
			}
			if fileWords.MatchString(place) {
				place = strings.Trim(place, "[].")
				fmt.Fprintf(&b, "| %s | `%s` | %s |\n", v.Name, cell(place), argumentFiles[place])
			}
		}
		for _, f := range v.Flags {
			if left, right := flagLine(f); takesValue(f) && fileWords.MatchString(placeholder(f)) {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", v.Name, flagCell(left), cell(right))
			}
		}
	}
	b.WriteString("\n## The folder of a training\n\n`graft finetune` makes `runs/finetuneN`, or the folder of `--run`, with\n\n| name | what it is |\n|---|---|\n")
	for _, f := range runFiles {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.name, cell(f.about))
	}
	b.WriteString("\n## The folder of a study\n\n`graft sweep` puts beside the plan\n\n| name | what it is |\n|---|---|\n")
	for _, f := range studyFiles {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f[0], cell(f[1]))
	}
	b.WriteString("\n## Data\n\nFrom the documentation of `graft/finetune/data`:\n\n" + packageText(t, "../../finetune/data", "Sources", "Pixels"))
	b.WriteString("\n## Checks\n\nFrom the documentation of `graft/graph/check`:\n\n" + packageText(t, "../../graph/check", "Test folders", "Check files"))
	return b.String()
}

// studyFiles are what lies in the folder of a study.
var studyFiles = [][2]string{
	{"plan.json", "the plan: what is trained and how, its cells with their hashes; the name is that of -o"},
	{"idxmap-*.csv", "the classes of each task and their numbers in it"},
	{"cells/*.json", "the result of each network, with a checksum"},
	{"models/*.onnx", "each base, whose layers other networks copy"},
	{"report/report.html", "the report, where -o says report"},
	{"report/networks.csv", "a line for each network"},
	{"report/summary.csv", "means and intervals"},
	{"report/reading.txt", "what the figures support, in words"},
	{"report/*.png", "the figures"},
	{"report/*.svg", "the same, to be scaled"},
}

// parsed is a package with its comments.
func parsed(t *testing.T, dir string) *doc.Package {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, "graft/"+strings.TrimPrefix(dir, "../../"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// markdown is a doc comment, or the part of it under some of its headings.
func markdown(p *doc.Package, text string, headings ...string) string {
	d := p.Parser().Parse(text)
	keep := len(headings) == 0
	d.Content = slices.DeleteFunc(d.Content, func(b comment.Block) bool {
		if h, ok := b.(*comment.Heading); ok && len(headings) > 0 {
			keep = slices.ContainsFunc(h.Text, func(x comment.Text) bool {
				s, ok := x.(comment.Plain)
				return ok && slices.Contains(headings, string(s))
			})
		}
		return !keep
	})
	pr := p.Printer()
	pr.HeadingID = func(*comment.Heading) string { return "" }
	pr.DocLinkURL = func(*comment.DocLink) string { return "" }
	return string(pr.Markdown(d))
}

func packageText(t *testing.T, dir string, headings ...string) string {
	p := parsed(t, dir)
	return markdown(p, p.Doc, headings...)
}

func metadataPage(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Metadata\n\nWhat graft knows of a model beyond the network it writes into the model itself, as `metadata_props` of the standard: " +
		"pairs of a key and a text, here JSON. Other tools pass them on. `graft inspect MODEL` shows them.\n")
	examples := exampleMetadata(t)
	for _, dir := range []string{"../../finetune", "../../graph"} {
		p := parsed(t, dir)
		for _, c := range p.Consts {
			for i, name := range c.Names {
				if !strings.HasSuffix(name, "Key") {
					continue
				}
				key, err := strconv.Unquote(c.Decl.Specs[i].(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				text := strings.TrimPrefix(markdown(p, c.Doc), name+" is the metadata key of ")
				fmt.Fprintf(&b, "\n## %s\n\n%s%s", key, strings.ToUpper(text[:1]), text[1:])
				if examples[key] == "" {
					t.Errorf("no example of %s", key)
				}
				fmt.Fprintf(&b, "\n```json\n%s\n```\n", cut(examples[key], 400))
			}
		}
	}
	return b.String()
}

// exampleMetadata are values that graft has written; those that no small model here carries
// are of the form that the readers take.
func exampleMetadata(t *testing.T) map[string]string {
	values := map[string]string{"graft.init": `{"conv1.weight":{"deviation":0.01},"conv2.bias":{"value":1}}`, "graft.heads": `[{"name":"kind","kind":"class","classes":["cat","dog"],"output":"kind"},` +
		`{"name":"age","kind":"values","classes":["age"],"output":"age"}]`}
	base, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range base.GetMetadataProps() {
		values[p.GetKey()] = p.GetValue()
	}
	return values
}

// TestMetadataKeys: no other key is written.
func TestMetadataKeys(t *testing.T) {
	page := metadataPage(t)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`"(graft\.[a-z]+)"`).FindAllSubmatch(b, -1) {
			if !strings.Contains(page, "\n## "+string(m[1])+"\n") {
				t.Errorf("%s uses %s, which docs/reference/metadata.md lacks", path, m[1])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFilesThere: a training and a study leave what the reference says, and nothing else.
func TestFilesThere(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains")
	}
	dir := t.TempDir()
	if err := drawPhotos(filepath.Join(dir, "photos")); err != nil {
		t.Fatal(err)
	}
	base, err := filepath.Abs("../../models/base.onnx")
	if err != nil {
		t.Fatal(err)
	}
	pixels := " --size 16 --channels gray --mean 64 --std 89 --threads 1 -q"
	for _, line := range []string{
		"finetune " + base + " photos -o mine.onnx --run run --epochs 2 --folds 2 --tensorboard" + pixels,
		"sweep plan " + filepath.Join(filepath.Dir(base), "digits.npz") + " --arch convnet6 --size 16 --epochs 1 --layers 1 --treatments base,AnB -o study/plan.json -q",
		"sweep run study/plan.json -q --threads 1",
		"sweep report study/plan.json -o study/report -q",
	} {
		if err := os.MkdirAll(filepath.Join(dir, "study"), 0o777); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("graft", strings.Fields(line)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("graft %s: %v\n%s", line, err, out)
		}
	}
	var run, study []string
	for _, f := range runFiles {
		if f.name != "*.onnx.*.data" { // of no model that fits a test
			run = append(run, f.name)
		}
	}
	for _, f := range studyFiles {
		study = append(study, f[0])
	}
	holds(t, filepath.Join(dir, "run"), run)
	holds(t, filepath.Join(dir, "study"), study)
}

// holds checks that every file in a folder matches a pattern, and every pattern a file.
func holds(t *testing.T, dir string, patterns []string) {
	t.Helper()
	used := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))
		if err != nil || path == dir || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		found := false
		for _, p := range patterns {
			if ok, _ := filepath.Match(p, name); ok {
				found, used[p] = true, true
			}
		}
		switch {
		case found && d.IsDir():
			return fs.SkipDir
		case !found && !d.IsDir():
			t.Errorf("%s is in no row", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range patterns {
		if !used[p] {
			t.Errorf("%s: nothing is called %s", filepath.Base(dir), p)
		}
	}
}
