package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
)

// mapsOf is what --maps writes of one image, as --json gives it.
type mapsOf struct {
	File    string `json:"file"`    // the image
	Picture string `json:"picture"` // in the folder
	Tensor  string `json:"tensor"`
	Shape   []int  `json:"shape"`
}

// writeMaps draws what the model at path makes of each image of a set at a layer, a picture
// an image, into a folder.
func writeMaps(c *cli.Context, u *ui, path string, e *finetune.Extractor, set *data.Set) error {
	if len(e.Shape) != 3 || e.Shape[1]*e.Shape[2] < 2 {
		return fmt.Errorf("%s: %s has shape %s, without a height and a width to draw", quote(path), quote(e.Tensor), shape(e.Shape))
	}
	dir := c.String("maps")
	p := u.progress("drawing", set.Len(), "images")
	list := []mapsOf{}
	err := writeFolder(dir, "maps.json", func(dir string) error {
		used := map[string]bool{}
		err := e.Each(c.Context, set, func(i int, x []float32) error {
			one := mapsOf{set.Items[i].Name, fileFor(set.Items[i].Name, used) + ".png", e.Tensor, e.Shape}
			title := fmt.Sprintf("%s: %s at %s", filepath.Base(one.File), times(e.Shape), e.Tensor)
			tiles, err := tilesOf(escape(cut(title, maxName)), x, [3]int{1, e.Shape[1], e.Shape[2]})
			if err != nil {
				return err
			}
			im, ok, err := set.Picture(i)
			if err == nil && ok && e.Preprocess.Height > 0 {
				im, err = e.Preprocess.Seen(im, unvaried(i))
			}
			if err != nil {
				return err
			}
			if ok {
				tiles.Photo = im.Go()
			}
			list = append(list, one)
			p.add(1)
			return writeFile(filepath.Join(dir, one.Picture), tiles.PNG)
		})
		if err != nil {
			return err
		}
		return writeFile(filepath.Join(dir, "maps.json"), func(w io.Writer) error { return writeJSON(w, list) })
	})
	p.done()
	if err != nil {
		return err
	}
	return u.result("", list, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: the maps of %d images at %s, %s each\n", quote(dir), set.Len(), quote(e.Tensor), shape(e.Shape))
		return err
	})
}
