// Package optim holds the losses and the optimizer steps of training.
//
// A loss ([CrossEntropy], [BCE], [MSE]) adds its nodes to the graph of a training program. An
// optimizer ([New]) is a gorgonia.Solver: it changes the value of every
// gorgonia.ValueGrad by its gradient, with vectorised kernels, and leaves the
// gradient alone. The formulas are those of torch.optim, so that equal settings
// give equal steps.
package optim
