package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressEvery is how often progress becomes a line where there is no terminal.
const progressEvery = 10 * time.Second

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
		p.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(u.err),
			progressbar.OptionSetDescription(escape(what)),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(unit),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
		u.bar = p
	}
	return p
}

// add counts n more units.
func (p *progress) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n += n
	if p.bar != nil {
		p.bar.Set(min(p.n, p.total))
		return
	}
	if now := p.now(); !p.u.quiet && now.Sub(p.lastTip) >= progressEvery && p.n < p.total {
		p.lastTip = now
		writeLine(p.u.err, p.state(now.Sub(p.start)))
	}
}

// state is the line that stands in for a bar.
func (p *progress) state(spent time.Duration) string {
	left := "?"
	if p.n > 0 {
		left = seconds(time.Duration(float64(spent) * float64(p.total-p.n) / float64(p.n)))
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
