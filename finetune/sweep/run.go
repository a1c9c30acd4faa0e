package sweep

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"graft/finetune"
)

// RunOptions say how cells are run.
type RunOptions struct {
	Jobs int // cells at a time, each on one thread; 1
	// Wait lets cells wait for bases that another process trains; without it they are
	// refused.
	Wait time.Duration // longest; 0 none

	OnCell  func(c Cell, r *Result)        // a cell is done; called by one goroutine at a time
	OnEpoch func(c Cell, e finetune.Epoch) // an epoch of one is; called by several
	OnAgain func(s State)                  // a result is not taken: the cell is run again
	Version string                         // of graft, for the results
}

// Stages divide a plan's cells by what must be done before.
const (
	Bases = "bases" // cells whose networks others copy
	Rest  = "rest"  // all others
)

// Stage lists the cells of a stage, "" of both, in the plan's order.
func (s *Study) Stage(stage string) []Cell {
	var list []Cell
	for _, c := range s.Plan.Cells {
		if stage == "" || s.isBase[c.ID] == (stage == Bases) {
			list = append(list, c)
		}
	}
	return list
}

// Shard is every n-th of the cells from the i-th on, counted from 0.
func Shard(cells []Cell, i, n int) []Cell {
	var list []Cell
	for k := i; k < len(cells); k += n {
		list = append(list, cells[k])
	}
	return list
}

// Run trains those of the cells that are not done yet, bases before what copies them.
func (s *Study) Run(ctx context.Context, cells []Cell, o RunOptions) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	q := &queue{s: s, o: o, done: map[string]*Result{}, running: map[string]bool{}}
	q.changed = sync.NewCond(&q.mu)
	for _, st := range s.States() {
		if st.Status == Done {
			q.done[st.Cell.ID] = st.Result
		}
		if !slices.ContainsFunc(cells, func(c Cell) bool { return c.ID == st.Cell.ID }) || st.Status == Done {
			continue
		}
		if st.Status != Missing && o.OnAgain != nil {
			o.OnAgain(st)
		}
		q.todo = append(q.todo, st.Cell)
	}
	context.AfterFunc(ctx, func() {
		q.mu.Lock() // who has looked at ctx before it ended is waiting now
		defer q.mu.Unlock()
		q.changed.Broadcast()
	})
	var running sync.WaitGroup
	for range max(o.Jobs, 1) {
		running.Go(func() {
			if err := q.work(ctx); err != nil {
				stop(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// queue is what is left to be done.
type queue struct {
	s *Study
	o RunOptions

	mu      sync.Mutex
	changed *sync.Cond
	todo    []Cell
	done    map[string]*Result // cells, of this process or another
	running map[string]bool
}

// work trains one cell after the other until none is left.
func (q *queue) work(ctx context.Context) error {
	for {
		c, base, err := q.next(ctx)
		if err != nil || c == nil {
			return err
		}
		r, err := q.s.train(ctx, *c, base, q.o)
		if err != nil {
			return err
		}
		q.mu.Lock()
		q.done[c.ID] = r
		delete(q.running, c.ID)
		if q.o.OnCell != nil {
			q.o.OnCell(*c, r)
		}
		q.mu.Unlock()
		q.changed.Broadcast()
	}
}

// next takes the first cell whose base is done; nil where nothing is left.
func (q *queue) next(ctx context.Context) (*Cell, *Result, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	began := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return nil, nil, context.Cause(ctx)
		}
		if len(q.todo) == 0 {
			return nil, nil, nil
		}
		for i, c := range q.todo {
			base := q.done[c.Needs]
			if c.Needs != "" && base == nil {
				continue
			}
			q.todo = slices.Delete(q.todo, i, i+1)
			q.running[c.ID] = true
			return &c, base, nil
		}
		if q.comes() {
			q.changed.Wait()
			continue
		}
		if time.Since(began) >= q.o.Wait {
			c := q.todo[0]
			return nil, nil, &hinted{fmt.Errorf("sweep: cell %s: its base %s is not done, and not among the cells to run", c.ID, c.Needs),
				"run the stage bases first, or wait for it with --wait"}
		}
		q.look(ctx)
	}
}

// comes says whether this process is training what the next cells need.
func (q *queue) comes() bool {
	return slices.ContainsFunc(q.todo, func(c Cell) bool { return q.running[c.Needs] })
}

// look waits a little and looks which bases other processes have made.
func (q *queue) look(ctx context.Context) {
	const pause = 2 * time.Second
	q.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	q.mu.Lock()
	for _, c := range q.s.Stage(Bases) {
		if q.done[c.ID] != nil {
			continue
		}
		if st := q.s.state(c, q.done); st.Status == Done {
			q.done[c.ID] = st.Result
		}
	}
}
