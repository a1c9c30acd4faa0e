package sweep_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

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

// A study is planned, run and read: here two networks of one epoch.
func ExampleStudy_Run() {
	dir, err := os.MkdirTemp("", "study")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path, err := filepath.Abs("../../models/digits.npz")
	if err != nil {
		fmt.Println(err)
		return
	}
	digits, err := data.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer digits.Close()
	recipe := sweep.Paper
	recipe.Epochs = 1
	plan, err := sweep.New(context.Background(), digits, sweep.Options{
		Path: path, Architecture: "convnet6", Size: 8, Treatments: []string{"base"}, Recipe: recipe,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := plan.Write(filepath.Join(dir, "plan.json")); err != nil {
		fmt.Println(err)
		return
	}
	study, err := sweep.Open(filepath.Join(dir, "plan.json"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer study.Close()
	if err := study.Run(context.Background(), study.Plan.Cells, sweep.RunOptions{Jobs: 2}); err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range study.States() {
		fmt.Println(s.Cell.ID, s.Status)
	}
	rows, err := study.Rows(false)
	fmt.Println(len(rows), err)
	// Output:
	// base-0A done
	// base-0B done
	// 2 <nil>
}
