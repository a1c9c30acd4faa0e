// Package graph sees an ONNX model as a network: its layers and cut points, what
// of it can learn, and how it runs.
//
// Everything here is a function from model to model, or a view for execution:
//
//	CutPoints  where "after layer n" is well defined
//	Cut        keeps the part of a model up to a tensor
//	AddHead    grafts a randomly initialised head onto it
//	Redraw     gives the layers above a tensor new random weights
//	Draw       describes a picture of a model: boxes, and lanes for what is read further down
//	Compile    turns a model into a Program: a Gorgonia graph, its gradients,
//	           their order and the one block of memory they run in
//	Store      writes what a Program has learnt back into the model, by name
//
// The ONNX model stays the only description of the network. Between the model and
// the Gorgonia graph there is one unexported step, the plan: the model at fixed
// shapes, with every value that does not depend on the input folded to a constant.
//
// # Layers and cut points
//
// A layer is an operator with weights and all that follows it up to the next one.
// A cut point is a tensor that every path from the input to the output crosses;
// only there does one tensor carry all that the layers below have computed.
//
// # Learning
//
// Trainable lists the tensors of a model that can learn. Compile with a Training
// makes inputs of the chosen ones, lets Gorgonia differentiate the loss by them,
// and gives them out as Params: Gorgonia's ValueGrad, for any of its Solvers.
package graph
