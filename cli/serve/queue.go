package serve

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// A queue lets one computation run at a time. The others wait in the order they came.
type queue struct {
	slot     chan struct{}
	waiting  atomic.Int64
	most     int64         // may wait
	patience time.Duration // before one gives up
}

func newQueue(most int, patience time.Duration) *queue {
	return &queue{slot: make(chan struct{}, 1), most: int64(most), patience: patience}
}

// do runs f when its turn has come; not at all where nobody waits for it any more.
func (q *queue) do(ctx context.Context, f func() error) error {
	if q.waiting.Add(1) > q.most {
		q.waiting.Add(-1)
		return refuse(http.StatusServiceUnavailable, "%d requests wait already", q.most)
	}
	late := time.NewTimer(q.patience)
	defer late.Stop()
	select {
	case q.slot <- struct{}{}:
		q.waiting.Add(-1)
	case <-ctx.Done():
		q.waiting.Add(-1)
		return refuse(http.StatusServiceUnavailable, "the request was given up")
	case <-late.C:
		q.waiting.Add(-1)
		return refuse(http.StatusServiceUnavailable, "the request has waited for %v", q.patience)
	}
	defer func() { <-q.slot }()
	if ctx.Err() != nil {
		return refuse(http.StatusServiceUnavailable, "the request was given up")
	}
	return f()
}
