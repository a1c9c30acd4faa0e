package data

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// parts reads the folders train, val and test of dir.
func (t *tree) parts(dir string, dirs []string, train string) (*Data, error) {
	val, err := part(dirs, otherParts[:3]...)
	if err != nil {
		return nil, err
	}
	test, err := part(dirs, otherParts[3:]...)
	if err != nil {
		return nil, err
	}
	d := &Data{Kind: "folder"}
	if d.Train, err = t.classSet(path.Join(dir, train), nil); err != nil {
		return nil, err
	}
	if val != "" {
		if d.Val, err = t.classSet(path.Join(dir, val), d.Train.Classes); err != nil {
			return nil, err
		}
	}
	if test == "" {
		return d, nil
	}
	d.Test, err = t.classSet(path.Join(dir, test), d.Train.Classes)
	if errors.Is(err, errNoClasses) { // unlabelled, as in competitions
		return d, nil
	}
	return d, err
}

// classFolders reads dir/<class>/*.
func (t *tree) classFolders(dir string) (*Data, error) {
	set, err := t.classSet(dir, nil)
	if err != nil {
		return nil, err
	}
	return &Data{Train: set, Kind: "folder"}, nil
}

var errNoClasses = errors.New("no class folders, want one folder of images for each class")

// classSet reads dir/<class>/*, images at any depth below the class folder. With known classes it takes their
// numbering; without, the folders make the classes, sorted by name: two at least, none empty.
func (t *tree) classSet(dir string, known []string) (*Set, error) {
	fail := func(at string, err error) (*Set, error) {
		if at == "." {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w", show(at), err)
	}
	dirs, loose, err := t.list(dir)
	if err != nil {
		return nil, err
	}
	if loose, err = t.onlyImages(dir, loose); err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return fail(dir, errNoClasses)
	}
	if len(loose) > 0 {
		return fail(loose[0], errors.New("an image outside of the class folders"))
	}
	classes := known
	if known == nil {
		classes = dirs
	}
	s, src := &Set{Classes: classes}, files{}
	for _, d := range dirs {
		at := path.Join(dir, d)
		images, err := t.images(at)
		if err != nil {
			return nil, err
		}
		label := slices.Index(classes, d)
		if label < 0 {
			return fail(at, errors.New("a class that the training part does not have"))
		}
		if len(images) == 0 && known == nil && len(dirs) > 1 {
			return fail(at, errors.New("no images in this class folder"))
		}
		for _, name := range images {
			s.Items = append(s.Items, Item{Name: name, Label: label})
			src = append(src, file{t, name})
		}
	}
	if len(src) == 0 {
		return fail(dir, errors.New("no images"))
	}
	if len(classes) < 2 {
		return fail(dir, fmt.Errorf("one class (%s), want two or more", show(classes[0])))
	}
	s.src = src
	return s, nil
}

// OpenImages lists unlabelled pictures (Label -1): files, and folders with all that is below them, sorted within each
// folder. That a picture cannot be decoded is found out when it is asked for.
func OpenImages(paths ...string) (*Set, error) {
	s, src := &Set{}, files{}
	for _, p := range paths {
		t, names, err := imagesAt(p)
		if err != nil {
			return nil, fmt.Errorf("data: %s: %w", show(p), reason(err))
		}
		for _, name := range names {
			src = append(src, file{t, name})
			full := p // a file
			if name != filepath.Base(p) {
				full = path.Join(filepath.ToSlash(p), name)
			}
			s.Items = append(s.Items, Item{Name: full, Label: -1})
		}
	}
	if len(s.Items) == 0 {
		return nil, errors.New("data: no images given")
	}
	s.src = src
	return s, nil
}

// imagesAt lists one path of OpenImages. A file may be a link to anywhere: the user named it.
func imagesAt(p string) (*tree, []string, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, nil, err
	}
	if info.Mode().IsRegular() {
		t, base := &tree{fs: os.DirFS(filepath.Dir(p))}, filepath.Base(p)
		head, err := t.head(base)
		if err == nil && sniff(head) == nil {
			err = errNotImage
		}
		return t, []string{base}, err
	}
	if !info.IsDir() {
		return nil, nil, errors.New("neither a file nor a folder")
	}
	root, err := os.OpenRoot(p)
	if err != nil {
		return nil, nil, err
	}
	t := &tree{fs: root.FS()}
	names, err := t.images(".")
	if err == nil && len(names) == 0 {
		err = errors.New("no images")
	}
	return t, names, err
}
