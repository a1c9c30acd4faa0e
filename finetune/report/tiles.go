package report

import (
	"fmt"
	"image"
	"image/draw"
	"io"
	"math"

	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot/vg"
)

// Tiles is a grid of small pictures of one size: the filters of a convolution, or what
// they make of a photograph.
type Tiles struct {
	Title    string
	Photo    image.Image // beside the grid; nil for none
	Pictures []image.Image
}

// MostTiles is the most pictures that a grid shows.
const MostTiles = 1024

// PNG draws the grid; it is an error if there is no picture.
func (t Tiles) PNG(w io.Writer) error {
	if len(t.Pictures) == 0 {
		return fmt.Errorf("report: tiles: no pictures")
	}
	const dots, apart = vg.Inch / dotsPerInch, 24
	grid := t.grid()
	pictures, width, height := []image.Image{grid}, grid.Bounds().Dx(), grid.Bounds().Dy()
	if t.Photo != nil {
		photo := scaledTo(t.Photo, side)
		pictures = []image.Image{photo, grid}
		width, height = width+photo.Bounds().Dx()+apart, max(height, photo.Bounds().Dy())
	}
	img, body := canvas(vg.Length(max(width, 700))/dotsPerInch+0.3, vg.Length(height)/dotsPerInch+0.6, t.Title, nil)
	left := body.Min.X
	for _, m := range pictures {
		b := m.Bounds()
		right := left + vg.Length(b.Dx())*dots
		body.DrawImage(vg.Rectangle{Min: vg.Point{X: left, Y: body.Max.Y - vg.Length(b.Dy())*dots}, Max: vg.Point{X: right, Y: body.Max.Y}}, m)
		left = right + apart*dots
	}
	return writePNG(w, img)
}

// grid puts the pictures side by side, each enlarged by nearest neighbours a whole number
// of times, or reduced, to about the size that there is room for.
func (t Tiles) grid() *image.RGBA {
	const room, apart = 1440, 4
	n := min(len(t.Pictures), MostTiles)
	columns := int(math.Ceil(math.Sqrt(float64(n))))
	for c := columns; c < 2*columns && c <= n; c++ { // full rows, if the grid stays compact
		if n%c == 0 {
			columns = c
			break
		}
	}
	b := t.Pictures[0].Bounds()
	cell := max(min(room/columns-apart, 160), 8)
	w, h, scale := b.Dx(), b.Dy(), xdraw.Scaler(xdraw.NearestNeighbor)
	if longer := max(w, h); longer <= cell {
		w, h = w*(cell/longer), h*(cell/longer)
	} else {
		w, h, scale = max(w*cell/longer, 1), max(h*cell/longer, 1), xdraw.CatmullRom
	}
	rows := (n + columns - 1) / columns
	to := image.NewRGBA(image.Rect(0, 0, columns*(w+apart)-apart, rows*(h+apart)-apart))
	draw.Draw(to, to.Bounds(), image.White, image.Point{}, draw.Src)
	for i, m := range t.Pictures[:n] {
		at := image.Pt(i%columns*(w+apart), i/columns*(h+apart))
		scale.Scale(to, image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}, m, m.Bounds(), xdraw.Src, nil)
	}
	return to
}
