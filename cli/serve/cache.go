package serve

import "slices"

// A cache keeps what is slow to make, a compiled program say, up to a number of bytes and
// of entries; the least recently used make room. Whoever computes uses it, one at a time.
type cache struct {
	most    int64
	count   int
	entries []*entry // the most recently used last
}

type entry struct {
	of    *model
	what  string
	value interface{ Close() }
	bytes int64
}

// get finds what was kept for a model under a name, or makes it. What is made is kept
// where keep allows it; else the caller's done closes it.
func (c *cache) get(of *model, what string, bytes int64, make func() (value interface{ Close() }, keep bool, err error)) (v interface{ Close() }, done func(), err error) {
	for i, e := range c.entries {
		if e.of == of && e.what == what {
			c.entries = append(slices.Delete(c.entries, i, i+1), e)
			return e.value, func() {}, nil
		}
	}
	c.shrink(c.most-bytes, c.count-1)
	v, keep, err := make()
	if err != nil {
		return nil, nil, err
	}
	if !keep {
		return v, v.Close, nil
	}
	c.entries = append(c.entries, &entry{of, what, v, bytes})
	return v, func() {}, nil
}

// shrink closes the least recently used entries until the others are at most so much.
func (c *cache) shrink(bytes int64, count int) {
	var total int64
	for _, e := range c.entries {
		total += e.bytes
	}
	for len(c.entries) > 0 && (total > bytes || len(c.entries) > count) {
		total -= c.entries[0].bytes
		c.entries[0].value.Close()
		c.entries = c.entries[1:]
	}
}

// forget closes all that is kept for a model.
func (c *cache) forget(of *model) {
	c.entries = slices.DeleteFunc(c.entries, func(e *entry) bool {
		if e.of == of {
			e.value.Close()
		}
		return e.of == of
	})
}
