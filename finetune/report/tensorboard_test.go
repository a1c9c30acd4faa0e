package report

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"
	"time"
)

// TestEvents: the bytes are those that TensorFlow's reader takes. The checksum of the crc32c test vector is RFC 3720's.
func TestEvents(t *testing.T) {
	zeros := uint32(0x8a9136aa)
	if got := masked(make([]byte, 32)); got != (zeros>>15|zeros<<17)+0xa282ead8 {
		t.Errorf("masked checksum %#x", got)
	}
	var b bytes.Buffer
	e := &Events{&b, func() time.Time { return time.Unix(1, 500_000_000) }}
	if err := e.Epoch(Epoch{N: 3, TrainLoss: 0.5, TrainScore: 0.25, ValLoss: math.NaN(), ValScore: math.Inf(1), LR: 0.125}, Top1); err != nil {
		t.Fatal(err)
	}
	records := 0
	for rest := b.Bytes(); len(rest) > 0; records++ {
		n := int(rest[0])
		message := rest[12 : 12+n]
		if got, want := rest[8:12], le(masked(rest[:8])); !bytes.Equal(got, want) {
			t.Errorf("checksum of the length %x, want %x", got, want)
		}
		if got, want := rest[12+n:16+n], le(masked(message)); !bytes.Equal(got, want) {
			t.Errorf("checksum of the message %x, want %x", got, want)
		}
		if records == 0 {
			// wall_time 1.5, step 3, summary { value { tag: "loss/train" simple_value: 0.5 } }
			want := "09000000000000f83f" + "1003" + "2a13" + "0a11" + "0a0a" + hex.EncodeToString([]byte("loss/train")) + "150000003f"
			if got := hex.EncodeToString(message); got != want {
				t.Errorf("message %s, want %s", got, want)
			}
		}
		rest = rest[16+n:]
	}
	if records != 3 {
		t.Errorf("%d records, want those of the three finite values", records)
	}
}

func le(v uint32) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)} }
