package sweep_test

import (
	"cmp"
	"context"
	"fmt"

	"graft/finetune/data"
	"graft/finetune/sweep"
)

func ExampleNew() {
	digits, err := data.Open("../../models/digits.npz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer digits.Close()
	plan, err := sweep.New(context.Background(), digits, sweep.Options{
		Path: "digits.npz", Architecture: "convnet6", Size: 8, Layers: []int{3}, Treatments: []string{"base", "BnB", "AnB"}, Recipe: sweep.Paper,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range plan.Cells {
		fmt.Printf("%-8s %-4s %s\n", c.ID, c.Label(), cmp.Or(c.Needs, "-"))
	}
	// Output:
	// base-0A  base -
	// base-0B  base -
	// 0A-3-0A  BnB  base-0A
	// 0B-3-0B  BnB  base-0B
	// 0B-3-0A  AnB  base-0B
	// 0A-3-0B  AnB  base-0A
}
