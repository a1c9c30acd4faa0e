// Package kernel holds the float32 kernels that graft trains and infers with:
// convolution, matrix product, pooling, normalisation, elementwise functions,
// softmax, dropout and optimizer steps, forward and backward.
//
// # Data
//
// Tensors are dense row-major slices in ONNX's order: images [N,C,H,W],
// convolution weights [M,C/Group,KernelH,KernelW]. Sizes and strides count
// elements. A kernel overwrites its outputs, which come first in the argument
// list, and reads everything else; where an output may be an input, its
// comment says so. The letters are n, c, h, w for a batch of images, m for
// output channels, hw for the h*w elements of a plane, and dx, dy, dw for
// gradients of the loss.
//
// Every function's comment is its loop nest or its formula. The Go code below
// it computes the same sums blocked for registers and caches.
//
// # Flow
//
//	kernel function -> task (a struct of slices and sizes) -> Pool.launch -> task.run on each worker
//
// A Pool keeps its worker goroutines, one reusable task of each kind and each
// worker's scratch memory, so that a call allocates nothing once its sizes
// have been seen. A nil Pool runs on the caller's goroutine.
//
// # Promises
//
//   - Every sum has one fixed order: results are bit-identical for any number
//     of threads.
//   - NaN and infinities travel as IEEE 754 arithmetic carries them.
//   - Wrong sizes are programming errors: they panic with a constant text
//     before any work starts.
package kernel
