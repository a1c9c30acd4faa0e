package main

import (
	"archive/zip"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var afresh = flag.Bool("afresh", false, "let the pages show what their commands print now")

const root = "../.." // of the repository

// A pageBlock is a fenced block of a page: its language, what else stands beside that, and its text.
type pageBlock struct {
	language, mark, text string
	at                   int // of the text, in the page
}

var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: (\\w+))?\n(.*?)^```$")

func blocks(page string) []pageBlock {
	var list []pageBlock
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		b := pageBlock{language: page[m[2]:m[3]], text: page[m[6]:m[7]], at: m[6]}
		if m[4] >= 0 {
			b.mark = page[m[4]:m[5]]
		}
		list = append(list, b)
	}
	return list
}

// An exchange is one command of a console block, from "$ " on, and what it is shown to print.
type exchange struct{ command, prints string }

// exchanges divides a console block; a line that begins with "> " continues the command.
func exchanges(block string) []exchange {
	var list []exchange
	for line := range strings.Lines(block) {
		last := len(list) - 1
		switch command, isCommand := strings.CutPrefix(line, "$ "); {
		case isCommand:
			list = append(list, exchange{command: command})
		case last < 0: // nothing has been typed
		case strings.HasPrefix(line, "> ") && list[last].prints == "":
			list[last].command += line[2:]
		default:
			list[last].prints += line
		}
	}
	return list
}

// String is the exchange as a page shows it.
func (s exchange) String() string {
	return "$ " + strings.ReplaceAll(strings.TrimSuffix(s.command, "\n"), "\n", "\n> ") + "\n" + s.prints
}

// afresh is what is printed now, with as many lines before and after a line "…" as are shown.
func (s exchange) afresh(printed string) string {
	before, after, elided := strings.Cut("\n"+s.prints, "\n…\n")
	lines := strings.SplitAfter(printed, "\n")
	first, last := strings.Count(before, "\n"), len(lines)-1-strings.Count(after, "\n")
	if !elided || first > last {
		return printed
	}
	return strings.Join(lines[:first], "") + "…\n" + strings.Join(lines[last:], "")
}

// run types the command in the folder dir, whose home is its own, and returns what appears.
func (s exchange) run(t *testing.T, dir string) string {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(s.command, "go run ./cli/graft", "graft"))
	cmd.Dir = dir
	home := filepath.Join(dir, ".home")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+home, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && regexp.MustCompile(`graft: error: |\d failed`).MatchString(s.prints) {
		err = nil
	}
	if err != nil {
		t.Errorf("%s%v\n%s", s.command, err, out)
	}
	return string(out)
}

// What is not the same each time, or on each processor: fractions, epochs, times,
// the lines of a plot and those of progress.
var (
	fraction = regexp.MustCompile(`-?\d+\.\d+(e[-+]\d+)?`)
	epoch    = regexp.MustCompile(`epoch +\d+`)
	best     = regexp.MustCompile(`(?m)^(epoch .*?) +best$`)
	proof    = regexp.MustCompile(`and (the same outputs|outputs within \S+)`) // after rounding
	duration = regexp.MustCompile(`#?\d* ?\b(µs|ms|s|min)\b`)
	counts   = regexp.MustCompile(`(?m)^.* \|  .*$`) // a row of confusions
	figure   = regexp.MustCompile(`\d+`)
	spaces   = regexp.MustCompile(`[ ─-]+`)
	plotted  = regexp.MustCompile(`(?m)^.*[│┤└╌●].*\n`)
	waiting  = regexp.MustCompile(`(?m)^.*: \d+ of \d+ .+ left\n`) // progress, of slow machines
)

// steady leaves of a text what is the same each time.
func steady(text string) string {
	text = counts.ReplaceAllStringFunc(text, func(row string) string { return figure.ReplaceAllString(row, "#") })
	text = plotted.ReplaceAllString(waiting.ReplaceAllString(text, ""), "")
	text = best.ReplaceAllString(text, "$1")
	text = epoch.ReplaceAllString(text, "epoch #")
	text = proof.ReplaceAllString(text, "and its outputs")
	text = fraction.ReplaceAllString(text, "#")
	text = duration.ReplaceAllString(text, "# s")
	return spaces.ReplaceAllString(text, " ")
}

// shows reports whether what a page shows is what has been printed. A line "…" stands for any lines.
func shows(page, printed string) bool {
	var pattern strings.Builder
	for line := range strings.Lines(steady(page)) {
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(?s:.*)`)
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " \n"), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, `.*`) + ` ?\n`)
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(steady(printed))
}

// walk types all that a page shows, in dir, and compares what appears.
func walk(t *testing.T, name, dir string) {
	t.Helper()
	path := filepath.Join(root, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	fresh := page
	for _, block := range blocks(page) {
		if file, text, ok := strings.Cut(block.text, "\n"); ok && block.language == "yaml" && strings.HasPrefix(file, "# ") {
			if err := os.WriteFile(filepath.Join(dir, file[2:]), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if block.language != "console" || block.mark == "photographs" && !photographs(t, dir) {
			continue
		}
		now := ""
		for _, s := range exchanges(block.text) {
			printed := s.run(t, dir)
			same := shows(s.prints, printed)
			if !same && !*afresh {
				t.Errorf("%s shows\n%s\nwhere appears\n%s", name, s, printed)
			}
			s.prints = s.afresh(waiting.ReplaceAllString(printed, ""))
			now += s.String()
		}
		fresh = strings.Replace(fresh, "```\n"+block.text, "```\n"+now, 1)
		fresh = strings.Replace(fresh, block.text+"```", now+"```", 1)
	}
	if *afresh && fresh != page {
		if err := os.WriteFile(path, []byte(fresh), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// photographs puts a real network and photographs into dir as squeezenet.onnx and photos/, and
// reports whether they are here to be put there.
func photographs(t *testing.T, dir string) bool {
	t.Helper()
	const from = root + "/../shared/data"
	if !isDir(from) {
		t.Log("skipped what needs photographs: they are not here")
		return false
	}
	model, err := os.ReadFile(from + "/models/squeezenet1_1/squeezenet1_1.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "squeezenet.onnx"), model, 0o666); err != nil {
		t.Fatal(err)
	}
	if isDir(filepath.Join(dir, "photos")) {
		return true
	}
	z, err := zip.OpenReader(from + "/datasets/hymenoptera.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := errors.Join(os.CopyFS(dir, z), os.Rename(filepath.Join(dir, "hymenoptera"), filepath.Join(dir, "photos"))); err != nil {
		t.Fatal(err)
	}
	return true
}

// photograph takes the upper part of a page as a picture, by the Chromium that is here.
func photograph(t *testing.T, page, file string) {
	t.Helper()
	shot := filepath.Join(t.TempDir(), "shot.png")
	out, err := exec.Command("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
		"--user-data-dir="+t.TempDir(), "--window-size=1100,2000", "--screenshot="+shot, "file://"+page).CombinedOutput()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, out)
	}
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	upper := image.NewNRGBA(image.Rect(0, 0, 1100, 1100))
	draw.Draw(upper, upper.Rect, im, image.Point{}, draw.Src)
	if err := writeFile(file, func(w io.Writer) error { return png.Encode(w, upper) }); err != nil {
		t.Fatal(err)
	}
}

// TestPages: each command that a page shows does what is shown. The pages below docs/howto and
// docs/explanation are walked where the tutorial has ended.
func TestPages(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some networks")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell: ", err)
	}
	t.Run("README", func(t *testing.T) {
		t.Parallel()
		walk(t, "README.md", t.TempDir())
	})
	t.Run("tutorial", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		walk(t, "docs/tutorial.md", dir)
		picture := filepath.Join(root, "docs/pictures/report.png")
		if _, err := os.Stat(picture); *afresh && err != nil { // a page tells its date, so that each is another
			photograph(t, filepath.Join(dir, "runs/finetune1/report.html"), picture)
		}
		for _, name := range pages(t, "docs/howto", "docs/explanation") {
			if b, err := os.ReadFile(filepath.Join(root, name)); err == nil && !strings.Contains(string(b), "```console") {
				continue // nothing is typed there
			}
			t.Run(filepath.Base(name), func(t *testing.T) {
				t.Parallel()
				mine := filepath.Join(t.TempDir(), "graft")
				if err := os.CopyFS(mine, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				walk(t, name, mine)
			})
		}
	})
}

// pages are the Markdown files of folders, from the root.
func pages(t *testing.T, folders ...string) []string {
	t.Helper()
	var list []string
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no page, %v", folder, err)
		}
		for _, path := range found {
			list = append(list, folder+"/"+filepath.Base(path))
		}
	}
	return list
}

// TestCommandsOfPages: what pages show and do not run has verbs and flags that there are. All
// other places of commands are console blocks, which are run.
func TestCommandsOfPages(t *testing.T) {
	all := verbs()
	for _, name := range append(pages(t, "docs", "docs/howto", "docs/explanation", "docs/study"), "README.md", "CONTRIBUTING.md") {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		page := string(b)
		for _, block := range blocks(page) {
			if block.language != "sh" {
				continue
			}
			for _, m := range regexp.MustCompile(`(?m)(?:^|\b)graft ([a-z]+)\b(.*(?:\\\n.*)*)`).FindAllStringSubmatch(block.text, -1) {
				if err := takes(all, m[1], strings.Fields(m[2])); err != nil {
					t.Errorf("%s: graft %s%s: %v", name, m[1], m[2], err)
				}
			}
		}
		if m := regexp.MustCompile(`(?m)^    +\$? ?graft .*`).FindString(fence.ReplaceAllString(page, "")); m != "" {
			t.Errorf("%s: a command in no fenced block: %s", name, m)
		}
	}
}

// takes refuses a verb or a flag that there is not.
func takes(all []*cli.Command, verb string, args []string) error {
	i := slices.IndexFunc(all, func(v *cli.Command) bool { return v.Name == verb })
	if i < 0 {
		return errors.New("no such verb")
	}
	var names []string
	for _, f := range append(all[i].Flags, append(commonFlags(), helpFlag)...) {
		names = append(names, f.Names()...)
	}
	for _, arg := range args {
		if arg == "#" || arg == "|" || arg == ";" || arg == "&&" {
			break
		}
		flag, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && flag != "" && !slices.Contains(names, flag) {
			return fmt.Errorf("no flag %s", arg)
		}
	}
	return nil
}

// TestLinksOfPages: what pages link to is there.
func TestLinksOfPages(t *testing.T) {
	for _, name := range append(pages(t, ".", "docs", "docs/howto", "docs/explanation", "docs/study"), "README.md") {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:\]\(|src="|href=")([^)"#]+)`).FindAllStringSubmatch(string(b), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "reference/") && !isDir(filepath.Join(root, "docs/reference")) {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], pathless(err))
			}
		}
	}
}
