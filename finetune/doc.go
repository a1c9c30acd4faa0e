// Package finetune trains a pretrained model on new images: it grafts a head,
// decides what learns, runs the training and returns the written model, complete
// with class names, preprocessing and lineage.
//
//	ModelProto --Graft--> Plan (the grafted model, what of it learns) --Train--> Result (best and last ModelProto)
//	ModelProto --NewClassifier--> Classifier --Classify, Evaluate--> predictions, scores
//
// # What runs once
//
// The part of the network that nothing learns in, no batch statistics follow and no
// Dropout disturbs gives the same features for an image in every epoch. Train runs
// it once an image (twice with mirroring: both sides), keeps the features in memory
// and trains the rest on them. A head alone is trained on standardised features;
// the standardisation is folded into its first Gemm afterwards.
//
// # Repeatability
//
// The order of the images, their mirroring, new weights and Dropout are functions
// of the seed and of counters, never of time or of the number of threads: the same
// call gives the same bytes.
package finetune
