package models

import "fmt"

// convnet6 is five convolutions of 3x3, each with BatchNormalization and Relu, pooling
// after the first and the third, the average over the picture, and a Gemm.
func convnet6(b *builder, x string, classes int) {
	for i, m := range []int{32, 64, 64, 128, 128} {
		n := fmt.Sprint(i + 1)
		x = b.relu("relu"+n, b.norm("norm"+n, b.conv("conv"+n, x, m, window{size: 3, pad: 1}, false)))
		if i == 0 || i == 2 {
			x = b.pool("pool"+n, x, window{size: 2, stride: 2})
		}
	}
	b.gemm("logits", b.average(x), classes)
}

// resnet14 is a convolution, three stages of two residual blocks of 16, 32 and 64
// channels, the average and a Gemm. Where the shape changes the shortcut is a convolution
// of 1x1 (He et al. 2016, option B).
func resnet14(b *builder, x string, classes int) {
	x = b.relu("relu0", b.norm("norm0", b.conv("conv0", x, 16, window{size: 3, pad: 1}, false)))
	for stage, m := range []int{16, 32, 64} {
		for block := range 2 {
			n := fmt.Sprintf("%d.%d", stage+1, block+1)
			stride := 1
			if stage > 0 && block == 0 {
				stride = 2
			}
			y := b.relu("relu"+n+"a", b.norm("norm"+n+"a", b.conv("conv"+n+"a", x, m, window{size: 3, stride: stride, pad: 1}, false)))
			y = b.norm("norm"+n+"b", b.conv("conv"+n+"b", y, m, window{size: 3, pad: 1}, false))
			if stride == 2 {
				x = b.norm("norm"+n+"s", b.conv("conv"+n+"s", x, m, window{size: 1, stride: stride}, false))
			}
			x = b.relu("relu"+n, b.node("Add", "add"+n, b.shapes[y], []string{y, x}))
		}
	}
	b.gemm("logits", b.average(x), classes)
}

// average is the mean of each channel.
func (b *builder) average(x string) string {
	return b.node("GlobalAveragePool", "average", []int{b.shapes[x][0], 1, 1}, []string{x})
}
