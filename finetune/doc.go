// Package finetune trains a pretrained model on new images: it grafts a head,
// decides what learns, runs the training and returns the written model, complete
// with class names, preprocessing and lineage.
//
//	ModelProto --Graft--> Plan (the grafted model, what of it learns) --Train--> Result (best and last ModelProto)
//	Result --Prove--> the written model, read back, does what the training measured
//	ModelProto --Advise--> which cut point is worth the most; --FindRate--> a learning rate
//	ModelProto --NewClassifier--> Classifier --Scores, Evaluate--> predictions, scores
//	ModelProto --NewExtractor--> what the kept layers make of images; --NewExplainer--> what in an image decided
//
// # What is chosen
//
// The zero Config is a recipe that follows from the model and the data: whether the kept
// part is frozen or, once the new layers have settled, fine-tuned (Yosinski et al. 2014:
// few images and many parameters, freeze), how long, by which optimizer, at what rate,
// from how varied images. Plan.Choices says what was chosen and why; what is given counts.
//
// # Heads
//
// What a set tells of its images decides what is learnt: one class by cross-entropy, any of
// several labels by binary cross-entropy, numbers by squared errors, or several of these by a
// head each on the same features. Plan.Metric says what the scores are. Numbers are learnt
// as they lie about their mean, by their deviation, which is folded into the head's last Gemm.
//
// # Phases
//
// A training has one phase, or with UnfreezeAt two. The head of two phases learns alone
// first, on frozen features; then all learns, from where that has led.
//
// # Going on
//
// Save gets checkpoints, and Resume takes one: the training ends with the same bytes as
// if it had never been interrupted.
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
