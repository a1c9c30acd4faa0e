package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"graft/durable"
	"graft/onnx"
)

// Cache is a folder of pulled networks: NAME.onnx, whole and with the right hash, or
// not there. What a pull has so far is in .NAME.part. The zero value is graft's own
// folder in the user's cache, and the zoo's own server.
type Cache struct {
	Dir     string   // "": graft/models in os.UserCacheDir
	Mirrors []string // servers to ask, in order, by the URL that a file's name is appended to; nil: huggingface.co

	// Client downloads; nil one that follows at most ten redirects and never from https
	// to http.
	Client *http.Client
	// Stall is how long nothing may arrive; 0 means 30 s. Pause is the wait before the
	// second attempt, which doubles with every further one; 0 means 1 s.
	Stall, Pause time.Duration

	disk durable.FS // nil: the operating system's
}

func (c Cache) dir() (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("models: no folder for the cache: %w", err)
	}
	return filepath.Join(dir, "graft", "models"), nil
}

func (c Cache) fs() durable.FS {
	if c.disk == nil {
		return durable.OS
	}
	return c.disk
}

// Path is where a network is once it has been pulled.
func (c Cache) Path(e Entry) (string, error) {
	dir, err := c.dir()
	return filepath.Join(dir, e.Name+".onnx"), err
}

// Has says whether a network has been pulled; Open checks it.
func (c Cache) Has(e Entry) bool {
	path, err := c.Path(e)
	if err != nil {
		return false
	}
	info, err := c.fs().Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == e.Bytes
}

// Open reads a pulled network, after comparing its bytes with the catalogue's hash, and
// notes its preprocessing and its source in it.
func (c Cache) Open(e Entry) (*onnx.ModelProto, error) {
	b, err := c.read(e)
	if err != nil {
		return nil, err
	}
	m, err := onnx.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", quote(e.Name), err)
	}
	return m, e.describe(m)
}

// read returns the bytes of a pulled network, if they are the right ones.
func (c Cache) read(e Entry) ([]byte, error) {
	path, err := c.Path(e)
	if err != nil {
		return nil, err
	}
	if info, err := c.fs().Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("models: %s: not a regular file", quote(path))
	}
	f, err := c.fs().OpenFile(path, os.O_RDONLY, 0)
	if os.IsNotExist(err) {
		return nil, &missingError{e}
	}
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", quote(path), durable.Bare(err))
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, e.Bytes+1)); err != nil {
		return nil, fmt.Errorf("models: %s: %w", quote(path), durable.Bare(err))
	}
	if got := hash(b.Bytes()); got != e.SHA256 {
		return nil, &damagedError{path, got, e}
	}
	return b.Bytes(), nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

type missingError struct{ entry Entry }

func (m *missingError) Error() string {
	return fmt.Sprintf("models: %s is not in the cache", quote(m.entry.Name))
}

// Hint says how to get it.
func (m *missingError) Hint() string { return "graft models pull " + m.entry.Name }

type damagedError struct {
	path, got string
	entry     Entry
}

func (d *damagedError) Error() string {
	return fmt.Sprintf("models: %s is damaged: sha256 %s, want %s", quote(d.path), d.got, d.entry.SHA256)
}

// Hint says how to replace it.
func (d *damagedError) Hint() string {
	return "graft models pull " + d.entry.Name + " fetches it again"
}

// quote escapes a name and cuts it to 200 bytes.
func quote(s string) string {
	if len(s) > 200 {
		return strconv.Quote(s[:200]) + "…"
	}
	return strconv.Quote(s)
}
