package finetune

import (
	"context"
	"testing"
)

// TestAdvise: every cut point gets its head, deeper ones of the digits' network do better
// up to the last, and the advice is the best of them.
func TestAdvise(t *testing.T) {
	tr, va := digits(t, 200, 200)
	a, err := Advise(context.Background(), base(t), tr, va, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Points) != 6 || a.Cut < 1 || a.Why == "" {
		t.Fatalf("%+v", a)
	}
	best := a.Points[a.Cut-1].Top1
	for i, p := range a.Points {
		if p.N != i+1 || !(p.Top1 > 0.2 && p.Top1 <= best) || !(p.Loss > 0) {
			t.Errorf("%+v", p)
		}
	}
	if a.Cut == 1 {
		t.Error("the first layer alone is best")
	}
	if again, err := Advise(context.Background(), base(t), tr, va, Config{Threads: 2}); err != nil || again.Points[3].Loss != a.Points[3].Loss {
		t.Errorf("it does not repeat itself: %v", err)
	}
	if _, err := Advise(context.Background(), base(t), tr, nil, Config{}); err == nil {
		t.Error("no validation set, no error")
	}
}
