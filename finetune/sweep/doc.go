// Package sweep measures how transferable each layer of a network is: the study of
// Yosinski et al., "How transferable are features in deep neural networks?" (2014), on
// any data and network.
//
//	New --> Plan: tasks, and a graph of cells    ReadPlan, Plan.Write: the plan file
//	Study.Run(cells) --> one result file a cell  Study.States: what is there of it
//	Study.Rows --> []Row --> WriteTable, Summarise, Figures, Reading
//
// # The protocol
//
// The classes of a data set are divided at random into halves A and B, or as given. A
// base network learns each half. Then, for every number of layers n and for either half
// as the target:
//
//	BnB   the first n layers copied from the target's own base and frozen, the others drawn anew: "selffer"
//	BnB+  the same, but all layers learn
//	AnB   the first n layers copied from the other half's base and frozen: transfer
//	AnB+  the same, but all layers learn
//	random  the first n layers random and frozen, on all classes: the control of Jarrett et al. 2009
//
// A base is copied as its training has left it in the end, not as its best epoch was.
// What is copied learns at the rate of the rest, Dropout stays live where it is frozen,
// and layers drawn anew begin as those of a base do, from a seed of the cell's own.
//
// The practical form starts from a pretrained model and the user's own data: layers up
// to each cut point copied, frozen or not, and the network from scratch.
//
// # Cells
//
// A cell is one training. It is fully described by the plan and has a hash of all that
// its result depends on; bases come first. A cell's result is one file, written at once
// when it is done, with a checksum. A result is taken only where its hash is the cell's
// and, of a copied network, where the base is the one that it was copied from; else the
// cell is run again. Cells can be run in any number of processes on a shared folder:
// equal cells give equal bytes, so that the table does not depend on who ran them.
package sweep
