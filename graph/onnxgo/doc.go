// Package onnxgo is graft's engine as a backend of github.com/owulveryck/onnx-go. A
// program written for onnx-go runs on graft by changing one line:
//
//	backend := onnxgo.New()
//	model := onnx.NewModel(backend)
//	err := model.UnmarshalBinary(b)
//	err = model.SetInput(0, image)
//	err = backend.Run()
//	out, err := model.GetOutputTensors()
//
// onnx-go's decoder reads the file; graft sees what it hands over, which is less than
// the file says. Versions of operator sets are lost, and [Backend.Opset] makes up for
// it; so are operator domains and open dimensions. Types other than bool, int32, int64,
// float and double it refuses. Programs that do not need onnx-go's interface lose
// nothing with packages onnx and graph.
package onnxgo
