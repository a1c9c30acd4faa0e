package optim

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate as a share of the highest one.
type Schedule struct {
	// Name: "constant"; "step", a tenth after each third of the epochs; "cosine",
	// half a cosine from 1 to 0 over all epochs (Loshchilov and Hutter 2017, eq. 5).
	// Each epoch has one rate, as with torch.optim.lr_scheduler stepped by epoch.
	Name   string
	Epochs int
}

// Schedules are the names that Schedule knows.
var Schedules = []string{"constant", "step", "cosine"}

// Factor is the share of the rate in an epoch, counted from 0.
func (s Schedule) Factor(epoch int) (float64, error) {
	switch s.Name {
	case "", "constant":
		return 1, nil
	case "step":
		return math.Pow(0.1, float64(epoch/max((s.Epochs+2)/3, 1))), nil
	case "cosine":
		return (1 + math.Cos(math.Pi*float64(epoch)/float64(max(s.Epochs, 1)))) / 2, nil
	}
	return 0, fmt.Errorf("optim: no schedule is called %q, only %v", s.Name, Schedules)
}
