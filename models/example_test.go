package models_test

import (
	"fmt"

	"graft/models"
	"graft/onnx"
)

func ExampleBase() {
	m, err := models.Base()
	if err != nil {
		fmt.Println(err)
		return
	}
	labels, _ := onnx.Metadata(m, "graft.labels")
	fmt.Println(m.GetGraph().GetInput()[0].GetName(), "->", m.GetGraph().GetOutput()[0].GetName(), labels)
	// Output: input -> logits ["0","1","2","3","4"]
}

func ExampleDigits() {
	x, y, err := models.Digits()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(y), "pictures; the first is a", y[0])
	for r := range 8 {
		for c := range 8 {
			fmt.Print(string(" .:*#"[(x[8*r+c]+3)/4]))
		}
		fmt.Println("|")
	}
	// Output:
	// 896 pictures; the first is a 5
	//   **    |
	//   ####  |
	//   ###*. |
	//   *##:  |
	//    .:#: |
	//     .#* |
	//   :.*#. |
	//   *##*  |
}

// A network to train from scratch, and one of the catalogue.
func ExampleNew() {
	m, err := models.New("convnet6", 3, 32)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(m.GetGraph().GetNode()), onnx.Check(m))
	e, err := models.Find("squeezenet1.1-7")
	fmt.Println(e.Licence, e.Classes, err)
	// Output:
	// 20 <nil>
	// Apache-2.0 1000 <nil>
}
