package serve

import (
	"encoding/base64"
	"math"
	"net/http"
	"strconv"
	"time"

	"graft/finetune"
	"graft/finetune/data"
)

// predicted is what a model makes of a photograph.
type predicted struct {
	Width  int        `json:"width"` // of the upright photograph, in pixels
	Height int        `json:"height"`
	Seen   [4]float64 `json:"seen"` // what the network sees of it: left, top, width, height
	Heads  []answered `json:"heads"`
	MS     float64    `json:"ms"` // of decoding and computing
}

// answered is what one head tells.
type answered struct {
	finetune.Answer
	Outputs int `json:"outputs"` // of the head: all its classes, labels or numbers
}

// predict answers with what each head tells of the photograph in the body; ?top=K is how
// many classes, 5 where it is not given.
func (s *Server) predict(w http.ResponseWriter, r *http.Request) error {
	top, err := parameter(r, "top", 5, 1, 1000)
	if err != nil {
		return err
	}
	return s.photograph(w, r, func(m *model, p *photograph) (any, error) {
		k, err := s.classifier(m)
		if err != nil {
			return nil, err
		}
		var a predicted
		err = k.Scores(r.Context(), p.set, func(_ int, _ []float32, score []float64) error {
			for _, v := range score {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					return refuse(http.StatusInternalServerError, "the model's output is not finite")
				}
			}
			for i, one := range k.Answers(score, top) {
				a.Heads = append(a.Heads, answered{one, len(k.Heads[i].Classes)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		a.Width, a.Height = p.image.W, p.image.H
		if a.Seen, err = window(k.Preprocess, p.image); err != nil {
			return nil, err
		}
		a.MS = p.ms()
		return a, nil
	})
}

// explained says which part of a photograph speaks for a class.
type explained struct {
	Class  string  `json:"class"`
	Index  int     `json:"index"` // among the outputs of all heads
	At     string  `json:"at"`    // the tensor that was looked at
	Width  int     `json:"width"` // of the map
	Height int     `json:"height"`
	Map    string  `json:"map"` // [H,W] in base64, a byte each: 255 is where the most speaks for it
	MS     float64 `json:"ms"`
}

// explain answers with the Grad-CAM of class number ?class=K, of the likeliest where it
// is not given.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) error {
	class, err := parameter(r, "class", -1, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	return s.photograph(w, r, func(m *model, p *photograph) (any, error) {
		e, err := s.explainer(m)
		if err != nil {
			return nil, err
		}
		x, err := e.ExplainIndex(r.Context(), p.set, 0, class)
		if err != nil {
			return nil, err
		}
		levels := make([]byte, len(x.Map))
		for i, v := range x.Map {
			levels[i] = uint8(math.Round(255 * float64(min(max(v, 0), 1))))
		}
		return explained{x.Class, x.Index, e.Tensor, x.W, x.H, base64.StdEncoding.EncodeToString(levels), p.ms()}, nil
	})
}

// photograph is what came in a body.
type photograph struct {
	image *data.Image
	set   *data.Set // of it alone
	begun time.Time
}

func (p *photograph) ms() float64 { return math.Round(time.Since(p.begun).Seconds()*1e4) / 10 }

// photograph decodes the body, a picture, and answers with what f computes of it.
func (s *Server) photograph(w http.ResponseWriter, r *http.Request, f func(m *model, p *photograph) (any, error)) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	file, free, err := s.body(w, r, s.limits.Image)
	if err != nil {
		return err
	}
	defer free()
	if width, height, err := data.Size(file); err != nil {
		return bad("the photograph: %v", err)
	} else if width > 0 && height > s.limits.Pixels/width {
		return refuse(http.StatusRequestEntityTooLarge, "the photograph has %dx%d pixels, at most %d are taken", width, height, s.limits.Pixels)
	}
	var a any
	err = s.compute(r, m, func() error {
		p := &photograph{begun: time.Now()}
		if p.image, err = data.Decode(file); err != nil {
			return bad("the photograph: %v", err)
		}
		p.set = data.FromImages([]string{"photograph"}, []*data.Image{p.image})
		a, err = f(m, p)
		return err
	})
	if err != nil {
		return err
	}
	s.answer(w, http.StatusOK, a)
	return nil
}

// window is what the network sees of a picture.
func window(p data.Preprocess, im *data.Image) (box [4]float64, err error) {
	box[0], box[1], box[2], box[3], err = p.Window(im.W, im.H)
	return box, err
}

// parameter is a number in the address.
func parameter(r *http.Request, name string, otherwise, least, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, bad("%s=%s: want a number from %d to %d", name, quote(text), least, most)
	}
	return n, nil
}
