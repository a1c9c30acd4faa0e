package finetune

import (
	"context"
	"testing"
)

func TestCrossValidate(t *testing.T) {
	tr, va := digits(t, 100, 300)
	c := Config{Freeze: "0", Epochs: 12}
	f, err := CrossValidate(context.Background(), base(t), tr, 4, c)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Scores) != 4 || !(f.Spread > 0) {
		t.Fatalf("%+v", f)
	}
	r, err := Train(context.Background(), base(t), tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Epochs[11].ValScore; got < f.Mean-0.15 || got > f.Mean+0.15 {
		t.Errorf("cross-validation says %.3f, other images %.3f", f.Mean, got)
	}
	if _, err := CrossValidate(context.Background(), base(t), tr, 1, c); err == nil {
		t.Error("one fold, no error")
	}
}
