package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressEvery is how often progress becomes a line where there is no terminal.
const progressEvery = 10 * time.Second

// bytesUnit is the unit that is written as a size.
const bytesUnit = "bytes"

// A progress shows how far one stage has come, with its rate and the time
// left: a bar on a terminal, else a line every progressEvery. Its methods may
// be called from several goroutines.
type progress struct {
	u     *ui
	what  string
	unit  string
	total int

	mu      sync.Mutex
	n       int
	bar     *progressbar.ProgressBar // nil without a terminal
	columns int                      // of the terminal that bar was made for
	now     func() time.Time
	start   time.Time
	lastTip time.Time
}

// progress starts a stage of total units, say "epoch 3/20" of 2048 "images".
// One stage is shown at a time; call done when it ends, however it ends.
func (u *ui) progress(what string, total int, unit string) *progress {
	p := &progress{u: u, what: what, unit: unit, total: total, now: time.Now}
	p.start = p.now()
	p.lastTip = p.start
	if u.terminal && !u.quiet {
		u.bar = p
		p.fit()
	}
	return p
}

// fit makes the bar anew where the terminal's width has changed.
func (p *progress) fit() {
	if columns := terminalWidth(p.u.err); columns != p.columns {
		p.columns, p.bar = columns, p.newBar(columns)
	}
}

// terminalWidth is how many columns the terminal w has now.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return helpWidth
}

// newBar is a bar that fits a terminal of that many columns: in a narrow one first the
// rate gives way, then the time left, then the end of the name.
func (p *progress) newBar(columns int) *progressbar.ProgressBar {
	const count = 28 // columns of " 100% || (99999/99999) " and a reserve
	name := []rune(escape(p.what))
	if most := max(columns-count, 6); len(name) > most {
		name = append(name[:most-1], '…')
	}
	options := []progressbar.Option{
		progressbar.OptionSetWriter(p.u.err),
		progressbar.OptionSetDescription(string(name)),
		progressbar.OptionSetWidth(30),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(columns >= 60),
	}
	if p.unit == bytesUnit {
		options = append(options, progressbar.OptionShowBytes(columns >= 80), progressbar.OptionShowTotalBytes(true))
	} else if columns >= 80 {
		options = append(options, progressbar.OptionShowIts(), progressbar.OptionSetItsString(p.unit))
	}
	return progressbar.NewOptions(p.total, options...)
}

// add counts n more units.
func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += n
	if p.bar != nil {
		p.fit()
		p.bar.Set(min(p.n, p.total))
		return
	}
	if now := p.now(); !p.u.quiet && now.Sub(p.lastTip) >= progressEvery && p.n < p.total {
		p.lastTip = now
		writeLine(p.u.err, "", p.state(now.Sub(p.start)))
	}
}

// state is the line that stands in for a bar.
func (p *progress) state(spent time.Duration) string {
	left := "?"
	if p.n > 0 {
		left = seconds(time.Duration(float64(spent) * float64(p.total-p.n) / float64(p.n)))
	}
	if p.unit == bytesUnit {
		speed := size(int64(float64(p.n) / max(spent.Seconds(), 1e-3)))
		return fmt.Sprintf("%s: %s of %s, %s/s, %s left", p.what, size(int64(p.n)), size(int64(p.total)), speed, left)
	}
	return fmt.Sprintf("%s: %d of %d %s, %s, %s left", p.what, p.n, p.total, p.unit, rate(p.n, p.unit, spent), left)
}

// done ends the stage and takes its bar away.
func (p *progress) done() {
	p.hide()
	if p.u.bar == p {
		p.u.bar = nil
	}
}

// hide clears the bar so that a line can be written; the next add redraws it.
func (p *progress) hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
	}
}
