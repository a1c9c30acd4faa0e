// Package onnx reads, checks and writes ONNX files. It knows the format but no
// operator: what a Conv means is the business of package graph.
package onnx

//go:generate protoc -Igraft/onnx=. --go_out=. --go_opt=module=graft/onnx graft/onnx/onnx.proto
