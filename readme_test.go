package graft_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"graft/graph/check"
	"graft/graph/ops"
)

var update = flag.Bool("update", false, "rewrite the README's list of operators")

// operators is the list of the README, from the table.
func operators() string {
	var through, only []string
	for _, name := range ops.Names() {
		op := ops.Table[name]
		if op.Since > 6 {
			name = fmt.Sprintf("%s (%d)", name, op.Since)
		}
		if op.Differentiable {
			through = append(through, name)
		} else {
			only = append(only, name)
		}
	}
	return fmt.Sprintf("| | operators |\n|---|---|\n| run, and learn through | %s |\n| run | %s |\n",
		strings.Join(through, ", "), strings.Join(only, ", "))
}

// TestReadmeOperators: the README lists the table's operators, no more and no less.
func TestReadmeOperators(t *testing.T) {
	text := page(t, "README.md")
	list := regexp.MustCompile(`(?s)(<!-- operators.*? -->\n).*?(<!-- end -->)`)
	want := list.ReplaceAllString(text, "${1}"+operators()+"${2}")
	if !list.MatchString(text) {
		t.Fatal("README.md has no place for the operators")
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Error("the operators of README.md are not those of the table; go test . -run ReadmeOperators -update")
	}
}

// TestReadmeExample: the Go that the README shows is the Example that runs.
func TestReadmeExample(t *testing.T) {
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(page(t, "README.md"))
	if block == nil {
		t.Fatal("README.md shows no Go")
	}
	source := page(t, "example_test.go")
	for _, line := range strings.Split(block[1], "\n") {
		if !strings.Contains(source, strings.TrimSpace(line)) {
			t.Errorf("README.md shows a line that example_test.go does not run: %s", line)
		}
	}
}

// TestReadmeVerbs: the README's table has the verbs of the command line's front page.
func TestReadmeVerbs(t *testing.T) {
	if testing.Short() {
		t.Skip("links the command line")
	}
	front, err := exec.Command("go", "run", "./cli/graft", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	verbs := func(pattern, text string) []string {
		var names []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	got := verbs("(?m)^\\| `graft ([a-z]+)", page(t, "README.md"))
	want := verbs("(?m)^  ([a-z]+)  +[a-z]", string(front))
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("README.md has the verbs %v, graft has %v", got, want)
	}
}

// glyphs are the digits 0 to 4 as the README's example draws them.
var glyphs = [5][]string{
	{" ### ", "## ##", "#   #", "#   #", "#   #", "#   #", "## ##", " ### "},
	{"  #  ", "  #  ", "  #  ", "  #  ", "  #  ", "  #  ", "  #  ", "  #  "},
	{" ### ", "#   #", "    #", "   ##", "  ## ", " ##  ", "##   ", "#####"},
	{"#### ", "    #", "    #", "  ## ", "    #", "    #", "    #", "#### "},
	{"#   #", "#   #", "#   #", "#####", "    #", "    #", "    #", "    #"},
}

// drawDigits puts a picture of each digit into a folder of its class: 16x16, the strokes
// smoothed as a pen's are.
func drawDigits(t *testing.T, dir string) {
	t.Helper()
	for digit, rows := range glyphs {
		var ink [18][18]float64
		for y := range 16 {
			for x := range 16 {
				if gy, gx := (y-2)*8/12, (x-4)*5/8; y >= 2 && y < 14 && x >= 4 && x < 12 && rows[gy][gx] == '#' {
					ink[y+1][x+1] = 1
				}
			}
		}
		im := image.NewGray(image.Rect(0, 0, 16, 16))
		for y := range 16 {
			for x := range 16 {
				sum := 4 * ink[y+1][x+1]
				sum += 2 * (ink[y][x+1] + ink[y+2][x+1] + ink[y+1][x] + ink[y+1][x+2])
				im.SetGray(x, y, color.Gray{Y: uint8(min(255, 255*sum/10))})
			}
		}
		folder := filepath.Join(dir, strconv.Itoa(digit))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := errors.Join(png.Encode(&b, im), os.WriteFile(filepath.Join(folder, "a.png"), b.Bytes(), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadmeChecks: the check file that the README shows passes as it stands.
func TestReadmeChecks(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n# (\\S+)\n(.*?)```").FindAllStringSubmatch(page(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md shows no check file")
	}
	for _, block := range blocks {
		dir := t.TempDir()
		drawDigits(t, filepath.Join(dir, "drawings"))
		for name, text := range map[string]string{block[1]: block[2], "base.onnx": page(t, "models/base.onnx")} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		cases := check.RunFile(t.Context(), filepath.Join(dir, block[1]), check.Options{Tolerance: check.Default, Half: check.Half})
		if len(cases) < 10 {
			t.Errorf("%s: %d cases", block[1], len(cases))
		}
		for _, c := range cases {
			if c.Status != check.Pass {
				t.Errorf("%s: %s: %s", block[1], c.Name, c.Reason)
			}
		}
	}
}
