package data

import "context"

// Mean is the mean of each channel, R, G and B, over all pixels of the pictures, in
// units of 0..255.
func (s *Set) Mean(ctx context.Context) ([]float32, error) {
	var sums [3]float64
	pixels := 0
	for i := range s.Items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		im, err := s.Image(i)
		if err != nil {
			return nil, err
		}
		var sum [3]uint64
		for k := 0; k < len(im.Pix); k += 3 {
			sum[0], sum[1], sum[2] = sum[0]+uint64(im.Pix[k]), sum[1]+uint64(im.Pix[k+1]), sum[2]+uint64(im.Pix[k+2])
		}
		for c, v := range sum {
			sums[c] += float64(v)
		}
		pixels += im.W * im.H
	}
	mean := make([]float32, 3)
	for c, v := range sums {
		mean[c] = float32(v / float64(max(pixels, 1)))
	}
	return mean, nil
}
