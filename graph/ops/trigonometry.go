package ops

import "math"

// The inverse and hyperbolic functions of angles; outside their domain they are NaN.
// https://onnx.ai/onnx/operators/onnx__Acos.html, Asin, Atan; opsets 7, 22;
// Acosh, Asinh, Atanh, Cosh, Sinh; opsets 9, 22

func readAcos(*Attrs) Form {
	return &function{name: "Acos", f: math.Acos, d: func(x float64) float64 { return -1 / math.Sqrt(1-x*x) }}
}

func readAcosh(*Attrs) Form {
	return &function{name: "Acosh", f: math.Acosh, d: func(x float64) float64 { return 1 / math.Sqrt(x*x-1) }}
}

func readAsin(*Attrs) Form {
	return &function{name: "Asin", f: math.Asin, d: func(x float64) float64 { return 1 / math.Sqrt(1-x*x) }}
}

func readAsinh(*Attrs) Form {
	return &function{name: "Asinh", f: math.Asinh, d: func(x float64) float64 { return 1 / math.Sqrt(x*x+1) }}
}

func readAtan(*Attrs) Form {
	return &function{name: "Atan", f: math.Atan, d: func(x float64) float64 { return 1 / (1 + x*x) }}
}

func readAtanh(*Attrs) Form {
	return &function{name: "Atanh", f: math.Atanh, d: func(x float64) float64 { return 1 / (1 - x*x) }}
}

func readCosh(*Attrs) Form { return &function{name: "Cosh", f: math.Cosh, d: math.Sinh} }

func readSinh(*Attrs) Form { return &function{name: "Sinh", f: math.Sinh, d: math.Cosh} }
