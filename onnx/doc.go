// Package onnx reads, checks and writes ONNX files. It knows the format but no
// operator: what a Conv means is the business of package graph.
//
// # Models
//
// A model is a [ModelProto], the message of the standard, generated from
// onnx.proto. There is no other form of it: what package graph does goes from
// message to message, and what it does not touch, unknown fields included,
// survives.
//
//	file --ReadFile--> ModelProto --Check--> ... --WriteFile--> file
//
// [ReadFile] loads external data, so that every [TensorProto] in memory carries
// its values; [WriteFile] puts large ones into a second file when it must or is
// told to. [Check] reports structural faults; run it on what was read before
// relying on names and order, and on what was built before writing it.
//
// # Tensors
//
// [TensorOf] decodes the values of a TensorProto into a [Tensor], whose Data is a
// plain Go slice; [Tensor.Proto] encodes one, and [SetData] puts new values into
// an existing TensorProto without changing anything else. 16-bit floats are held
// as float32, which represents them exactly, and rounded to nearest even on the
// way out.
//
// # Hostile files
//
// A file may come from anywhere. Before memory is taken for anything a file
// declares, it is compared with the bytes present. Messages nest at most 100
// deep, graphs 32. External data is opened in one place, through an [os.Root] at
// the model's folder, and only regular files with exactly the bytes a tensor
// needs are accepted. What is ambiguous, such as values in two fields, is refused
// instead of guessed. Errors are a single line, with names from the file escaped
// and cut to 200 bytes.
//
// # Files on disk
//
// Writing goes to a file beside the target, which is synced and renamed: after a
// crash the old file is there or the new one. A model with external data is two
// files. The data come first, under a name that only their content has, so that
// the model that was there before keeps its own until the new one takes its place.
package onnx

//go:generate protoc -Igraft/onnx=. --go_out=. --go_opt=module=graft/onnx graft/onnx/onnx.proto
