// Package ops holds what graft knows of ONNX's operators: one operator (or one
// close family) a file, one row of [Table] each.
//
// # The life of a node
//
// A row reads a node's attributes into a [Form], a small struct with one field an
// attribute. The form then answers three questions, in this order:
//
//	Infer  the type and shape of every output, from those of the inputs (the shape rule)
//	Eval   the outputs themselves, slowly, exactly, for every type (the reference)
//	Lower  the nodes of a Gorgonia graph that compute them fast, in float32
//
// Infer runs once and first; what it resolves from constant operands (axes, pads,
// target shapes) the form keeps for the other two. Eval folds constants at compile
// time, is the oracle of the tests, and runs whatever has no fast form. A form
// without Lower is run by its Eval.
//
// # Kernels and gradients
//
// A lowered operator is one or more [Kernel]s: pure functions from float32 buffers
// to one float32 buffer. Nothing is remembered between a forward and a backward
// kernel: what the backward pass needs is an input of its node, so that the order
// of execution and the lifetime of every buffer can be read off the graph. A
// kernel's Grad adds the kernels of its gradient to the graph when Gorgonia
// differentiates it.
//
// float16 and bfloat16 values are held widened and computed in float32.
package ops
