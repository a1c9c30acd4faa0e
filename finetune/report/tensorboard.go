package report

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// Events writes TensorBoard's event files: TFRecords of Event messages
// (tensorflow/core/util/event.proto), here with scalars alone.
type Events struct {
	w   io.Writer
	now func() time.Time
}

// NewEvents begins an event file.
func NewEvents(w io.Writer) (*Events, error) {
	e := &Events{w, time.Now}
	return e, e.record(append(e.head(0), field(3, []byte("brain.Event:2"))...)) // file_version
}

// Scalar writes one value of a curve.
func (e *Events) Scalar(tag string, step int64, value float64) error {
	v := field(1, []byte(tag))
	v = append(v, 2<<3|5) // simple_value, 32 bits
	v = binary.LittleEndian.AppendUint32(v, math.Float32bits(float32(value)))
	return e.record(append(e.head(step), field(5, field(1, v))...)) // summary { value {} }
}

// Epoch writes the curves of an epoch, what was measured of them.
func (e *Events) Epoch(r Epoch, m Measure) error {
	for _, c := range []struct {
		tag   string
		value float64
	}{{"loss/train", r.TrainLoss}, {"loss/val", r.ValLoss}, {m.of().tag + "/train", r.TrainScore}, {m.of().tag + "/val", r.ValScore}, {"lr", r.LR}} {
		if !finite(c.value) {
			continue
		}
		if err := e.Scalar(c.tag, int64(r.N), c.value); err != nil {
			return err
		}
	}
	return nil
}

// head is wall_time and step of an Event.
func (e *Events) head(step int64) []byte {
	b := []byte{1<<3 | 1}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(e.now().UnixNano())/1e9))
	b = append(b, 2<<3) // a varint
	return binary.AppendUvarint(b, uint64(step))
}

// field is a length-delimited field of a message.
func field(number byte, content []byte) []byte {
	b := binary.AppendUvarint([]byte{number<<3 | 2}, uint64(len(content)))
	return append(b, content...)
}

// record frames a message: its length and content, each with its masked CRC-32C.
func (e *Events) record(message []byte) error {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(message)))
	b := binary.LittleEndian.AppendUint32(length, masked(length))
	b = append(b, message...)
	_, err := e.w.Write(binary.LittleEndian.AppendUint32(b, masked(message)))
	return err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}
