package graft_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"graft/finetune"
	"graft/models"
	"graft/onnx"
)

// writeDigits puts pictures of the digits 5 to 9 into a folder for each, as many of each as
// said.
func writeDigits(t *testing.T, dir string, each int) {
	t.Helper()
	x, y, err := models.Digits()
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for i, digit := range y {
		if count[digit]++; count[digit] > each {
			continue
		}
		// Each pixel of ink, 0 to 16, becomes 2x2 of gray.
		im := image.NewGray(image.Rect(0, 0, 16, 16))
		for p := range im.Pix {
			im.Pix[p] = uint8(min(int(x[i*64+p/32*8+p%16/2])*16, 255))
		}
		var b bytes.Buffer
		if err := png.Encode(&b, im); err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, strconv.Itoa(digit))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, strconv.Itoa(i)+".png"), b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExamplePrograms builds the programs in examples/ and lets them work on the network
// and the digits that graft carries.
func TestExamplePrograms(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./examples/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	photos, base, mine := filepath.Join(dir, "photos"), "models/base.onnx", filepath.Join(dir, "mine.onnx")
	writeDigits(t, photos, 20)

	out, err := exec.Command(filepath.Join(dir, "finetune"), base, photos, mine).CombinedOutput()
	if err != nil {
		t.Fatalf("finetune: %v\n%s", err, out)
	}
	m, err := onnx.ReadFile(mine)
	if err != nil {
		t.Fatal(err)
	}
	if labels, err := finetune.StoredLabels(m, 5); err != nil || strings.Join(labels, "") != "56789" {
		t.Errorf("finetune: the model tells %q, %v", labels, err)
	}
	scores := regexp.MustCompile(`(?m)^epoch \d+: ([0-9.]+) %$`).FindAllSubmatch(out, -1)
	if len(scores) == 0 {
		t.Fatalf("finetune: no epoch in\n%s", out)
	}
	if last, _ := strconv.ParseFloat(string(scores[len(scores)-1][1]), 64); last < 60 { // 20 by chance
		t.Errorf("finetune: %g %% in the end\n%s", last, out)
	}

	// A picture is most like another one of the same digit more often than by chance.
	out, err = exec.Command(filepath.Join(dir, "features"), mine, photos).CombinedOutput()
	if err != nil {
		t.Fatalf("features: %v\n%s", err, out)
	}
	pairs := regexp.MustCompile(`(?m)(\d)/\d+\.png is most like \S*?(\d)/\d+\.png: [01]\.\d+$`).FindAllSubmatch(out, -1)
	same := 0
	for _, p := range pairs {
		if string(p[1]) == string(p[2]) {
			same++
		}
	}
	if len(pairs) != 100 || same < 60 {
		t.Errorf("features: %d of %d pictures are most like one of their digit\n%s", same, len(pairs), out)
	}

	asked(t, filepath.Join(dir, "server"), drawnThree(t), "3")
}

// drawnThree is a picture of a 3 as a pen draws it: 16x16, the strokes smoothed.
func drawnThree(t *testing.T) []byte {
	rows := []string{"#### ", "    #", "    #", "  ## ", "    #", "    #", "    #", "#### "}
	var ink [18][18]int
	for y := 2; y < 14; y++ {
		for x := 4; x < 12; x++ {
			if rows[(y-2)*8/12][(x-4)*5/8] == '#' {
				ink[y+1][x+1] = 1
			}
		}
	}
	im := image.NewGray(image.Rect(0, 0, 16, 16))
	for y := range 16 {
		for x := range 16 {
			sum := 4*ink[y+1][x+1] + 2*(ink[y][x+1]+ink[y+2][x+1]+ink[y+1][x]+ink[y+1][x+2])
			im.SetGray(x, y, color.Gray{Y: uint8(min(255, 255*sum/10))})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// asked starts the server and sends it a picture of a class, and something that is none.
func asked(t *testing.T, program string, picture []byte, class string) {
	server := exec.Command(program, "127.0.0.1:0")
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	send := func(body []byte) (int, []byte) {
		r, err := http.Post(strings.TrimSpace(address), "image/png", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, b
	}
	status, body := send(picture)
	var guesses []finetune.Guess
	if err := json.Unmarshal(body, &guesses); status != http.StatusOK || err != nil || len(guesses) != 3 || guesses[0].Class != class {
		t.Errorf("server: %d %s", status, body)
	}
	if status, _ := send([]byte("no picture")); status != http.StatusBadRequest {
		t.Errorf("server: status %d for what is no picture", status)
	}
}
