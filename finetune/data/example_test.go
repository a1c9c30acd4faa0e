package data_test

import (
	"context"
	"fmt"

	"graft/finetune/data"
)

// Open a source, divide it, and load the training part in batches.
func Example() {
	d, err := data.Open("testdata/arrays/pixels.npz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	train, val, err := d.Train.Split(0.4, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Kind, "-", train.Describe(), "-", val.Len(), "to validate on")

	l := data.Loader{
		Set:   train,
		Pre:   data.Preprocess{Height: 2, Width: 2, Mean: []float32{127.5}, Std: []float32{127.5}},
		Batch: 2,
		Order: data.Shuffle(train.Len(), 1, 0),
	}
	err = l.Each(context.Background(), func(b *data.Batch) error {
		fmt.Println(b.N, b.Shape, b.Label, len(b.X))
		return nil
	})
	fmt.Println(err)
	// Output:
	// npz - 3 images, 3 classes: 5 1, 7 1, 9 1 - 2 to validate on
	// 2 [3 2 2] [1 2] 24
	// 1 [3 2 2] [0] 12
	// <nil>
}

// A wrong path is one line.
func ExampleOpen() {
	_, err := data.Open("testdata/gone")
	fmt.Println(err)
	// Output: data: testdata/gone: no such file or folder
}

// A list may tell several labels of an image, or numbers.
func ExampleOpenHeads() {
	d, err := data.OpenHeads("testdata/heads/list.csv", []data.Head{{Name: "tags", Kind: data.Labels}, {Name: "age", Kind: data.Values}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	fmt.Println(d.Train.Describe())
	for i, it := range d.Train.Items {
		fmt.Println(it.Name, it.Told, "-", d.Train.Answer(i))
	}
	// Output:
	// 2 images; tags: 2 labels; age: 2 to 7.5
	// a.png [1 1 2] - tags big, red, age 2
	// b.png [0 1 7.5] - tags red, age 7.5
}

// What is wrong with data is found before a training.
func ExampleData_Check() {
	d, err := data.OpenHeads("testdata/heads/list.csv", []data.Head{{Name: "age", Kind: data.Values}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer d.Close()
	found, err := d.Check(context.Background(), data.CheckOptions{})
	for _, f := range found {
		fmt.Println(f.Kind, f.Names)
	}
	fmt.Println(err)
	// Output:
	// contradiction [b.png (is a.png)]
	// tiny [a.png (4x4) b.png (4x4)]
	// <nil>
}
