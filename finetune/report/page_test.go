package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// aRun has everything that a page can show; with as many classes as said.
func aRun(classes int) Run {
	r := Run{Title: `Fine-tuning of <b>"net".onnx`, Facts: [][2]string{{"best validation top-1", "93.5 %"}, {"epochs", "12"}, {"kept up to", "features.12.squeeze.activation_output_of_a_long_name_0"}},
		Choices:  []Choice{{"freeze", "all", "244 training images are few for the 722 k parameters below the cut"}, {"lr", "0.003", "for adam on standardised features"}},
		Warnings: []string{"leak: 12 images are in several parts of the data, which makes validation look too good: val/sky/0.png (is train/sky/0.png)"},
		Commands: []string{"graft predict mine.onnx PHOTO.jpg", "graft eval mine.onnx DATA"}, Made: time.Date(2024, 5, 6, 7, 8, 0, 0, time.UTC)}
	for i := range 12 {
		x := float64(i)
		r.Epochs = append(r.Epochs, Epoch{N: i + 1, TrainLoss: 1.5 * math.Exp(-x/4), TrainScore: 1 - 0.6*math.Exp(-x/3), ValLoss: 0.3 + 1.2*math.Exp(-x/3), ValScore: 0.93 - 0.5*math.Exp(-x/3), LR: 0.01, Seconds: 2.5})
	}
	for i := range 240 {
		r.Rates = append(r.Rates, 0.005*(1+math.Cos(math.Pi*float64(i)/240)))
	}
	for i := range 60 {
		lr := 1e-6 * math.Pow(10, float64(i)/10)
		r.Test.LR = append(r.Test.LR, lr)
		r.Test.Loss = append(r.Test.Loss, 2-1.2/(1+1e-3/lr)+lr*3)
	}
	r.Test.Best = 0.012
	h := Head{}
	for i := range classes {
		h.Classes = append(h.Classes, fmt.Sprintf("class %c%d", 'a'+i%26, i))
		h.Confusion = append(h.Confusion, make([]int, classes))
		h.Confusion[i][i], h.Confusion[i][(i*7+3)%classes] = 30, h.Confusion[i][(i*7+3)%classes]+i%9
		h.Scores = append(h.Scores, ClassScore{Name: h.Classes[i], Images: 30 + i%9, Precision: 0.9, Recall: 30 / float64(30+i%9)})
	}
	tags := Head{Name: "tags", Labels: true, Scores: []ClassScore{{Name: "even", Images: 3, AP: 0.8, F1: 0.75}, {Name: "large", Images: 40, AP: 0.41}}}
	size := Head{Name: "size", Values: []Value{{Name: "size", RMSE: 0.5, MAE: 0.25, R2: 0.9}}}
	for i := range 80 {
		size.Values[0].Truth = append(size.Values[0].Truth, float64(i%9))
		size.Values[0].Guess = append(size.Values[0].Guess, float64(i%9)+0.4*math.Sin(float64(i)))
	}
	r.Heads = []Head{h, tags, size, {Name: "answers", Classes: []string{"a", "b"}, Answers: []int{3, 0}}}
	r.Sheets = []Sheet{{Name: "mistakes", Title: "Worst mistakes"}, {Name: "rights", Title: "Surest right answers"}, {Name: "seen", Title: "As the network sees them"}}
	for i := range 8 {
		r.Changes = append(r.Changes, Change{fmt.Sprint("layer ", i+1), 0.002 * float64(i*i)})
		im := image.NewRGBA(image.Rect(0, 0, 60+10*i, 80))
		for p := range im.Pix {
			im.Pix[p] = uint8(p * (i + 3))
		}
		im.Set(0, 0, color.Black)
		s := Sample{Image: im, Name: fmt.Sprint("val/", i, ".jpg"), Label: h.Classes[i%classes], Predicted: h.Classes[i%classes], Probability: 0.999}
		r.Sheets[1].Samples = append(r.Sheets[1].Samples, s)
		s.Predicted = h.Classes[(i+1)%classes]
		r.Sheets[0].Samples = append(r.Sheets[0].Samples, s)
		s.Predicted = ""
		r.Sheets[2].Samples = append(r.Sheets[2].Samples, s)
	}
	return r
}

// TestFigures: every figure can be written in both forms.
func TestFigures(t *testing.T) {
	names := map[string]bool{}
	for _, f := range aRun(10).Figures() {
		names[f.Name] = true
		var png, svg bytes.Buffer
		if err := f.PNG(&png); err != nil || png.Len() < 5000 {
			t.Errorf("%s.png: %d bytes, %v", f.Name, png.Len(), err)
		}
		if err := f.SVG(&svg); err != nil || !strings.Contains(svg.String(), "</svg>") {
			t.Errorf("%s.svg: %v", f.Name, err)
		}
	}
	for _, n := range []string{"loss", "accuracy", "learning_rate", "rate_test", "confusion", "classes", "classes_tags", "values_size_1", "answers_answers", "changes"} {
		if !names[n] {
			t.Errorf("no figure %s", n)
		}
	}
	if n := len((Run{}).Figures()); n != 0 {
		t.Errorf("an empty run has %d figures", n)
	}
}

func TestBest(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		scores, losses []float64
		want           int
	}{{[]float64{0.5, 0.9, 0.9, 0.9}, []float64{1, 0.5, 0.4, 0.45}, 3}, {[]float64{-3, -2}, []float64{1, 1}, 2}, {[]float64{nan, nan}, []float64{nan, nan}, 0}} {
		var e []Epoch
		for i := range c.scores {
			e = append(e, Epoch{N: i + 1, ValScore: c.scores[i], ValLoss: c.losses[i]})
		}
		if got := Best(e); got != c.want {
			t.Errorf("%v %v: epoch %d, want %d", c.scores, c.losses, got, c.want)
		}
	}
}

// TestPageIsWhole: the page is self-contained, escapes names, has no script, and an empty
// run has one too.
func TestPageIsWhole(t *testing.T) {
	for _, r := range []Run{aRun(3), {Title: "empty"}} {
		var b bytes.Buffer
		if err := r.HTML(&b); err != nil {
			t.Fatal(err)
		}
		s := b.String()
		for _, bad := range []string{"<script", "http://", "https://", "ZgotmplZ", `<b>"net"`} {
			if strings.Contains(strings.ReplaceAll(s, `xmlns="http://www.w3.org/2000/svg"`, ""), bad) {
				at := strings.Index(s, bad)
				t.Errorf("the page holds %q: …%s", bad, s[max(at-60, 0):at+60])
			}
		}
		if !strings.HasSuffix(strings.TrimSpace(s), "</html>") {
			t.Error("the page is cut short")
		}
	}
}

// browser is a headless Chromium, "" where there is none.
func browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// TestPageInBrowser: at a desk's and a telephone's width, light or dark, a page has no
// horizontal scroll, no overlapping heading, and no message on the console.
func TestPageInBrowser(t *testing.T) {
	chromium := browser()
	if chromium == "" {
		t.Skip("no chromium")
	}
	dir := t.ArtifactDir()
	many := []int{10}
	if os.Getenv("GRAFT_SLOW") != "" {
		many = []int{2, 10, 40}
	}
	for _, classes := range many {
		var b bytes.Buffer
		if err := aRun(classes).HTML(&b); err != nil {
			t.Fatal(err)
		}
		page := filepath.Join(dir, fmt.Sprintf("page%d.html", classes))
		if err := os.WriteFile(page, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		lookAt(t, chromium, page, dir)
	}
	for name, write := range map[string]func(io.Writer) error{"study": aStudy().HTML, "diagram": aDiagram(strings.Repeat("WORD", 40)).HTML} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		page := filepath.Join(dir, name+".html")
		if err := os.WriteFile(page, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		lookAt(t, chromium, page, dir)
	}
}

// lookAt opens a page in a browser, light on a desk and dark on a telephone, and leaves
// screenshots.
func lookAt(t *testing.T, chromium, page, dir string) {
	t.Helper()
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	// The probe is added for the test: it writes what it measures into the title.
	probe := filepath.Join(dir, "probe.html")
	measure := `<script>window.onload=()=>{const d=document.documentElement;let worst='';
for(const e of document.querySelectorAll('body *')){const r=e.getBoundingClientRect();if(r.right>d.clientWidth+1&&!e.closest('svg')&&!e.closest('.scroll'))worst=e.tagName+'.'+e.className+' '+r.right;}
let small=99;for(const e of document.querySelectorAll('svg text')){const s=e.ownerSVGElement;small=Math.min(small,parseFloat(getComputedStyle(e).fontSize)*s.getScreenCTM().a);}
document.title='measured '+d.scrollWidth+' '+d.clientWidth+' '+small.toFixed(1)+' '+worst;}</script></body>`
	if err := os.WriteFile(probe, bytes.Replace(src, []byte("</body>"), []byte(measure), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		width  int
		scheme string
		number int // Chromium's
	}{{1280, "light", 1}, {390, "dark", 0}} {
		shot := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", strings.TrimSuffix(filepath.Base(page), ".html"), c.width, c.scheme))
		flags := []string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
			"--user-data-dir=" + t.TempDir(), fmt.Sprintf("--window-size=%d,2600", c.width), fmt.Sprintf("--blink-settings=preferredColorScheme=%d", c.number)}
		out, err := exec.Command(chromium, append(flags, "--screenshot="+shot, "file://"+page)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("CONSOLE")) {
			t.Errorf("%d %s: the console says\n%s", c.width, c.scheme, out)
		}
		dom, err := exec.Command(chromium, append(flags, "--dump-dom", "file://"+probe)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		var scroll, client int
		var small float64
		m := regexp.MustCompile(`<title>(measured [^<]*)</title>`).FindSubmatch(dom)
		if m == nil {
			t.Fatalf("%d %s: nothing was measured", c.width, c.scheme)
		}
		fmt.Sscanf(string(m[1]), "measured %d %d %g", &scroll, &client, &small)
		if scroll > client || small < 6 {
			t.Errorf("%d %s: %s: %d wide in a window of %d, smallest letters of a plot %.1f", c.width, c.scheme, m[1], scroll, client, small)
		}
	}
}
