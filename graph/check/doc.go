// Package check runs scripted inference checks: folders in the layout of ONNX's own
// backend tests, which hold one model and the outputs expected for given inputs.
//
//	FOLDER/*.onnx                           exactly one
//	FOLDER/test_data_set_K/input_I.pb       a TensorProto for graph input I
//	FOLDER/test_data_set_K/output_I.pb      the expected output I
//
// [Find] collects such folders below a path, [Run] runs one and compares, and
// [WriteJUnit] reports the outcomes to continuous integration.
package check
