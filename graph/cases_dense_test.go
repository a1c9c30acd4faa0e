package graph_test

// What came with dense prediction and video: transposed convolutions, three dimensions,
// resizing.

func transposedCases() []opCase {
	f := func(name string, x, w floats, m int, a ...any) opCase {
		return one("ConvTranspose", name, 11, attrs(a...), x, w, floats{m})
	}
	return []opCase{
		f("3x3", floats{2, 3, 4, 5}, floats{3, 2, 3, 3}, 2),
		one("ConvTranspose", "no bias", 7, nil, floats{1, 2, 3, 3}, floats{2, 3, 2, 2}),
		f("strides", floats{1, 2, 3, 4}, floats{2, 3, 2, 3}, 3, "strides", list(2, 3)),
		f("pads", floats{1, 2, 4, 4}, floats{2, 2, 3, 3}, 2, "strides", list(2, 2), "pads", list(1, 0, 2, 1)),
		f("output padding", floats{1, 2, 3, 3}, floats{2, 1, 3, 3}, 1, "strides", list(3, 2), "output_padding", list(2, 1)),
		f("output shape", floats{1, 2, 3, 3}, floats{2, 1, 3, 3}, 1, "strides", list(3, 2), "output_shape", list(10, 6)),
		f("dilations", floats{1, 1, 3, 4}, floats{1, 2, 2, 2}, 2, "dilations", list(2, 3)),
		f("groups", floats{1, 4, 3, 3}, floats{4, 3, 2, 2}, 6, "group", 2, "strides", list(2, 2)),
		f("depthwise", floats{2, 3, 3, 3}, floats{3, 1, 4, 4}, 3, "group", 3, "strides", list(2, 2), "pads", list(1, 1, 1, 1)),
		f("same upper", floats{1, 1, 3, 3}, floats{1, 2, 3, 3}, 2, "auto_pad", "SAME_UPPER", "strides", list(2, 2)),
		f("same lower", floats{1, 1, 3, 3}, floats{1, 2, 4, 3}, 2, "auto_pad", "SAME_LOWER", "strides", list(1, 2)),
		f("valid", floats{1, 1, 3, 3}, floats{1, 2, 3, 3}, 2, "auto_pad", "VALID"),
		f("one dimension", floats{2, 2, 4}, floats{2, 3, 3}, 3, "strides", list(2), "pads", list(1, 0)),
		f("three dimensions", floats{1, 2, 3, 2, 3}, floats{2, 2, 2, 2, 3}, 2, "strides", list(2, 1, 2), "pads", list(1, 0, 0, 0, 1, 1), "output_padding", list(1, 0, 0)),
		f("three dimensions, groups", floats{2, 2, 2, 2, 2}, floats{2, 2, 3, 1, 2}, 4, "group", 2, "dilations", list(2, 1, 1)),
		f("many channels", floats{1, 33, 6, 6}, floats{33, 34, 3, 3}, 34, "pads", list(1, 1, 1, 1)),
	}
}

func volumeCases() []opCase {
	conv := func(name string, x, w floats, a ...any) opCase {
		return one("Conv", name, 11, attrs(a...), x, w, floats{w[0]})
	}
	pool := func(op, name string, x floats, a ...any) opCase { return one(op, name, 19, attrs(a...), x) }
	return []opCase{
		conv("three dimensions", floats{2, 2, 4, 3, 5}, floats{3, 2, 3, 2, 3}, "strides", list(2, 1, 2), "pads", list(1, 0, 1, 0, 1, 0)),
		conv("three dimensions, groups", floats{1, 4, 3, 3, 3}, floats{4, 2, 2, 2, 2}, "group", 2, "dilations", list(2, 1, 1)),
		pool("MaxPool", "three dimensions", floats{1, 2, 5, 4, 4}, "kernel_shape", list(3, 2, 2), "strides", list(2, 1, 2), "pads", list(1, 0, 0, 0, 1, 0)),
		pool("AveragePool", "three dimensions", floats{1, 2, 5, 4, 4}, "kernel_shape", list(3, 2, 2), "strides", list(2, 1, 2), "pads", list(1, 0, 0, 1, 1, 0)),
		pool("AveragePool", "three dimensions, pads counted", floats{1, 2, 5, 3, 4}, "kernel_shape", list(2, 2, 2), "strides", list(2, 2, 1), "pads", list(1, 0, 0, 1, 1, 0), "count_include_pad", 1, "ceil_mode", 1),
		one("GlobalMaxPool", "three dimensions", 7, nil, floats{2, 3, 2, 3, 2}),
	}
}
