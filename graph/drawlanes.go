package graph

import (
	"cmp"
	"slices"

	"graft/graph/ops"
)

// tail is who is still to read a value: a row, and those after it. Equal tails are one
// pointer, which values that go the same way from here on have in common.
type tail struct {
	row  int
	next *tail
}

// route gives each row its lanes and returns the most that run side by side. A lane is a
// set of values with the same rows still to read them: what a dense block gathers runs in
// one lane. The row below reads a value without a lane.
func route(rows []Row, reads, made [][]*ops.Value) int {
	readers := map[*ops.Value][]int{}
	for r, list := range reads {
		for _, v := range list {
			readers[v] = append(readers[v], r)
		}
	}
	known := map[tail]*tail{}
	tailOf := func(rows []int) (t *tail) {
		for _, r := range slices.Backward(rows) {
			key := tail{r, t}
			if known[key] == nil {
				known[key] = &key
			}
			t = known[key]
		}
		return t
	}
	lanes := map[*tail]int{} // that run below the row at hand
	most := 0
	for r := range rows {
		var list []Lane
		below, used := map[*tail]int{}, map[int]bool{}
		for _, t := range inOrder(lanes) { // the inner ones first: what joins runs on in the inner lane
			l := Lane{lanes[t], -1, t.row == r}
			if l.Read {
				t = t.next
			}
			if t != nil {
				if _, joins := below[t]; !joins {
					below[t] = l.From
				}
				l.To = below[t]
				used[l.To] = true
			}
			list = append(list, l)
		}
		free := 0
		for _, v := range made[r] {
			rest := readers[v]
			if len(rest) > 0 && rest[0] == r+1 {
				rest = rest[1:]
			}
			t := tailOf(rest)
			if t == nil {
				continue
			}
			if _, joins := below[t]; !joins {
				for used[free] {
					free++
				}
				below[t], used[free] = free, true
			}
			list = append(list, Lane{-1, below[t], false})
		}
		for i := range list {
			list[i].From, list[i].To = min(list[i].From, maxLanes-1), min(list[i].To, maxLanes-1)
			most = max(most, list[i].From+1, list[i].To+1)
		}
		slices.SortStableFunc(list, func(a, b Lane) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
		rows[r].Lanes = slices.Compact(list)
		lanes = below
	}
	return most
}

// inOrder are the tails of lanes from the boxes outward.
func inOrder(lanes map[*tail]int) []*tail {
	list := make([]*tail, 0, len(lanes))
	for t := range lanes {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *tail) int { return cmp.Compare(lanes[a], lanes[b]) })
	return list
}
