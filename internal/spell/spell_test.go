package spell

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3},
		{"ab", "ba", 1}, {"epohcs", "epochs", 1}, {"lr", "val", 3}, {"ca", "abc", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		name, want string
		among      []string
	}{
		{"fintune", "finetune", []string{"cut", "finetune"}},
		{"--frozen", "--freeze", []string{"--freeze", "--float32", "--folds"}},
		{"batch", "batch-size", []string{"bias", "batch-size"}}, // a beginning
		{"al", "all", []string{"all", "auto"}},
		{"fire9/squezze", "fire9/squeeze", []string{"fire8/squeeze", "fire9/squeeze"}},
		{"weekly", "", []string{"constant", "step", "cosine"}},
		{"", "", []string{"cut"}},
	} {
		got, ok := Nearest(c.name, c.among)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Nearest(%q) = %q, %v; want %q", c.name, got, ok, c.want)
		}
	}
}
