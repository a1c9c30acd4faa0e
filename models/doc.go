// Package models is where networks come from: the catalogue of known ones and their
// download, architectures to train from scratch, and the small network and the data that
// graft carries inside it, which an example or a test can use without any file.
//
//	Base          a small network that tells the handwritten digits 0 to 4 apart
//	Digits        pictures of the digits 5 to 9, which it has never seen
//	New           an untrained network of one of the Architectures
//	Find          a network of the Catalogue
//	Cache.Pull    downloads it and checks its sha256; Cache.Open reads it
//
// # Data flow
//
//	Digits --> x [N,8,8], y [N] --DigitsInput--> [N,1,16,16], the input of Base
//
// # The base
//
// base.onnx has six layers: a convolution 3x3 of 16 channels, max pooling, two of
// 32 channels, max pooling, two of 32 channels, the average over the picture, and a
// Gemm; BatchNormalization and Relu follow each convolution. graft trained it
// itself, on the digits 0 to 4 of MNIST, by the program in _base, which says how to
// make it again; it knows 99.6 % of the 5139 test pictures. Its metadata give the class
// names (graft.labels), the preprocessing of pictures (graft.input) and where it
// comes from (graft.lineage). It is part of graft, under graft's licence.
//
// # The digits
//
// digits.npz has the 896 pictures of 5 to 9 of the test part of "Optical Recognition
// of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning
// Repository 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0, as
// scikit-learn ships it; see digits.LICENSE.txt. It is another collection than MNIST,
// reduced to 8x8 pixels by counting the ink in blocks of 4x4.
package models
