// Package check runs scripted inference checks of two forms.
//
// # Test folders
//
// The layout of ONNX's own backend tests, which hold one model and the outputs
// expected for given inputs:
//
//	FOLDER/*.onnx                           exactly one
//	FOLDER/test_data_set_K/input_I.pb       a TensorProto for graph input I
//	FOLDER/test_data_set_K/output_I.pb      the expected output I
//
// [Run] runs one.
//
// # Check files
//
// NAME.check.yaml says what one model must be and do: a [File]. [RunFile] runs one,
// [Record] makes one of what a model does now, [Schema] describes them to editors. A
// check file may come from anywhere: it names files below its own folder (or one that
// [Options] gives) and nothing else, and nothing is written on its behalf.
//
// [Diff] compares two models part by part. [Find] collects both below a path, [Summary] counts the outcomes by operator, and
// [WriteJUnit] reports them to continuous integration.
package check
