// Package data turns a path on disk into float32 batches for a network.
//
// # Data flow
//
//	path --Open--> Data{Train, Val, Test} --Loader.Each--> Batch{X [n,C,H,W], Label [n]}
//	               Set.Image(i): decoded, upright 8-bit RGB --Preprocess.Apply--> [C,H,W]
//	               Set.Tensor(i): float32 arrays, taken as they are
//
// # Sources
//
// [Open] takes
//   - a folder with train/<class>/* and, if present, val|valid|validation/<class>/* and test/<class>/*;
//   - a folder <class>/*, which [Set.Split] divides;
//   - a .csv of path,label with paths relative to the list (or train.csv, val.csv, test.csv side by side);
//     [OpenHeads] reads lists that tell several labels, numbers, or several things of an image;
//   - an .npz with x and y (also x_val, y_val, x_test, y_test, and classes: the names of the labels 0, 1, ...);
//     x is [N,C,H,W] float32, taken as it is, or [N,H,W,C] or [N,H,W] uint8 pixels;
//   - IDX files (MNIST): their folder, or the images file itself;
//   - a .zip of any of these, read in place.
//
// One folder around everything is entered. Hidden files, __MACOSX and Thumbs.db are passed over. Folders are
// numbered by name; labels of lists and arrays by name, or by value where all are integers, and an integer keeps its
// value as the class name: y in {5..9} gives the classes "5" to "9". The classes of the other parts must be among
// those of the training part and take its numbering.
// A source with a single part gives Train. A test folder without class folders is unlabelled and gives no Test.
//
// [ReadNpy] and [WriteNpy] are for single arrays, as tensors of any type.
//
// # Pixels
//
// [Decode] reads JPEG, PNG, GIF (first frame), WebP and BMP, told apart by content, and gives what Pillow's
// ImageOps.exif_transpose(im).convert("RGB") gives: EXIF and XMP orientation applied, alpha dropped and not
// multiplied in, palette looked up, CMYK as Pillow converts it, JPEG chroma upsampled as libjpeg-turbo does ("fancy"),
// lossy WebP as libwebp does (BT.601 studio range). The one exception is 16-bit PNG, whose high byte is taken.
// JPEG differs from libjpeg-turbo by the rounding of the inverse DCT only.
//
// [Preprocess] resizes as Pillow does (antialiased bilinear, 8-bit two-pass fixed point) by torchvision's size and
// crop rules, then takes (pixel-mean)/std in units of 0..255.
//
// # Hostile input
//
// Files are untrusted: a size that a file declares is compared with the bytes present and with a cap before anything
// is allocated, a picture above [MaxPixels] is refused before it is decoded, decoders run behind a recover boundary,
// reading never leaves the source's folder, and every error is one line that names the file.
//
// # Randomness
//
// [Shuffle], [Augment.View] and [Set.Split] are functions of their arguments alone (no generator state), so an interrupted
// run can be continued at any position.
package data
