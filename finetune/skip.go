package finetune

import "graft/finetune/data"

// skipping is what to do with the images of a set that do not decode, nil where they
// are errors.
func (t *training) skipping(s *data.Set) func(i int, err error) error {
	if !t.SkipBad || s == nil {
		return nil
	}
	if t.skipped[s] == nil {
		t.skipped[s] = map[int]bool{}
	}
	bad := t.skipped[s]
	left := s.Counts()
	return func(i int, err error) error {
		if bad[i] {
			return nil
		}
		bad[i] = true
		it := s.Items[i]
		t.result.Skipped = append(t.result.Skipped, it.Name)
		if t.OnSkip != nil {
			t.OnSkip(it.Name, err)
		}
		if 10*len(bad) > s.Len() && len(bad) > 1 {
			return failf("graft data lists them", "%d of %d images cannot be read, more than a tenth; the last: %w", len(bad), s.Len(), err)
		}
		if it.Label >= 0 {
			if left[it.Label]--; left[it.Label] == 0 {
				return failf("", "no image of the class %q can be read; the last: %w", s.Classes[it.Label], err)
			}
		}
		return nil
	}
}
