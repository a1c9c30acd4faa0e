package graph

// Elements is the number of elements of all values of the plan, which bounds what a
// fuzz test compiles.
func (s *Structure) Elements() int {
	n := 0
	for _, v := range s.plan.values {
		n += numel(v.Shape)
	}
	return n
}
