package data

import "math/bits"

// mix is a hash of its arguments: SplitMix64's finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom
// number generators", figure 16 with Stafford's variant 13) over a running sum.
func mix(keys ...uint64) uint64 {
	var h uint64
	for _, k := range keys {
		h += k + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// Shuffle is a permutation of 0..n-1, a function of seed and epoch alone (Fisher-Yates on hashed counters).
func Shuffle(n int, seed uint64, epoch int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j, _ := bits.Mul64(mix(seed, uint64(epoch), uint64(i)), uint64(i+1)) // uniform in 0..i
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// Coin is a fair coin for example i of an epoch, a function of its arguments alone; it does not follow Shuffle's draws.
func Coin(seed uint64, epoch, i int) bool {
	const stream = 0x636f696e // "coin": keeps the draws apart from Shuffle's
	return mix(seed, stream, uint64(epoch), uint64(i))>>63 == 1
}
