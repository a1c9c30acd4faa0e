package sweep

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"graft/finetune/report"
)

// PaperMeans are the authors' top-1 by treatment over n, in shares of one: means of the
// networks whose logs Yosinski et al. published with their paper. Index 0 is the base,
// the mean of the eight halves; of AnB+ and BnB+ one or two networks each are public.
var PaperMeans = map[string][]float64{
	Selffer:        {0.6251, 0.6267, 0.6235, 0.6211, 0.6048, 0.5935, 0.6188, 0.6232},
	Selffer + "+":  {0.6251, 0.6177, 0.6215, 0.6313, 0.6287, 0.6301, 0.6276, 0.6266},
	Transfer:       {0.6251, 0.6282, 0.6239, 0.6189, 0.5998, 0.5780, 0.5806, 0.5425},
	Transfer + "+": {0.6251, 0.6373, 0.6358, 0.6426, 0.6398, 0.6446, 0.6460, 0.6465},
}

// The authors' controls, over n, the base at 0: random filters on all 1000 classes, and
// transfer between natural and man-made classes, learning either.
var (
	paperRandom = []float64{0.5763, 0.4917, 0.4026, 0.0011, 0.0191, 0.0499, 0.0145, 0.0146}
	paperGiven  = [2][]float64{{0.6534, 0.6571, 0.6506, 0.6250, 0.5824, 0.5219, 0.4851, 0.3990}, {0.5372, 0.5392, 0.5214, 0.5008, 0.4616, 0.4098, 0.3742, 0.2914}}
)

// Authors is the study of Yosinski et al. by the means that they published, for figures of its own or laid over another.
func Authors() *report.Study {
	s := &report.Study{Name: "Yosinski et al. 2014", Depth: 8}
	add := func(to *[]report.Network, label string, means []float64) {
		for n, v := range means {
			l := label
			if n == 0 {
				l = Base
			}
			*to = append(*to, report.Network{Treatment: l, N: n, Top1: v})
		}
	}
	for _, label := range slices.Sorted(maps.Keys(PaperMeans)) {
		add(&s.Networks, label, PaperMeans[label])
	}
	for i := range paperGiven {
		add(&s.Given[i], Transfer, paperGiven[i])
	}
	add(&s.Random, Random, paperRandom)
	return s
}

// authors' names of their networks: half0A, transfer-ft0A0B_1_3, nolearn_1_2, …
var (
	authorsBase     = regexp.MustCompile(`^half([0-9]|natman)([AB])$`)
	authorsTransfer = regexp.MustCompile(`^transfer(-ft)?([0-9]|natman)([AB])[0-9]?([AB])_1_([0-9]+)$`)
	authorsRandom   = regexp.MustCompile(`^nolearn_1_([0-9]+)$`)
	authorsReduced  = regexp.MustCompile(`^reduced-([0-9]+)$`)
)

// ParseAuthors reads the results of the authors' networks, a JSON object of best10, last
// and train by the authors' names, as a table.
func ParseAuthors(b []byte) ([]Row, error) {
	var nets map[string]struct {
		Best10 float64 `json:"best10"`
		Last   float64 `json:"last"`
		Train  float64 `json:"train"`
	}
	if err := json.Unmarshal(b, &nets); err != nil {
		return nil, fmt.Errorf("sweep: authors' results: %w", err)
	}
	var rows []Row
	for _, name := range slices.Sorted(maps.Keys(nets)) {
		r := Row{Cell: name, Best10: nets[name].Best10, Last: nets[name].Last, TrainLoss: nets[name].Train, HeldOut: -1}
		split := func(s string) string {
			if s == "natman" {
				return givenSplit
			}
			return s
		}
		number := func(s string) int { n, _ := strconv.Atoi(s); return n }
		if m := authorsBase.FindStringSubmatch(name); m != nil {
			r.Treatment, r.Split, r.Target = Base, split(m[1]), split(m[1])+m[2]
		} else if m := authorsTransfer.FindStringSubmatch(name); m != nil {
			r.Treatment, r.Split, r.Base, r.Target, r.N = Transfer, split(m[2]), split(m[2])+m[3], split(m[2])+m[4], number(m[5])
			if m[3] == m[4] {
				r.Treatment = Selffer
			}
			if m[1] != "" {
				r.Treatment += "+"
			}
		} else if m := authorsRandom.FindStringSubmatch(name); m != nil {
			r.Treatment, r.Split, r.Target, r.N = Random, "whole", "whole", number(m[1])
		} else if m := authorsReduced.FindStringSubmatch(name); m != nil {
			r.Treatment, r.Split, r.PerClass = Reduced, "whole", number(m[1])
			r.Target = "whole-" + m[1]
		} else if name == "netbase" {
			r.Treatment, r.Split, r.Target = Base, "whole", "whole"
		} else {
			return nil, fmt.Errorf("sweep: authors' results: network %.60q is none of the study's", name)
		}
		rows = append(rows, r)
	}
	return rows, nil
}
