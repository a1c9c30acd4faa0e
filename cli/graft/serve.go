package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"graft/cli/serve"
	"graft/finetune"
	"graft/finetune/data"
	"graft/models"
	"graft/onnx"
)

func serveVerb() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Category:  groupUse,
		Usage:     "try models and watch runs on a local page; answer requests",
		ArgsUsage: "[MODEL|RUN]... [flags]",
		UsageText: `
  graft serve                      the runs in runs/ and what they have made
  graft serve mine.onnx            drop photographs on it in the browser
  graft serve a.onnx b.onnx runs/finetune3 --addr 127.0.0.1:9000`,
		Description: `
The page shows a model's answers and which part of a photograph decided (Grad-CAM),
follows a running graft finetune, and compares runs. Clients of the Open Inference
Protocol, as Triton's, find the models at the same address, below /v2. The flags
of preprocessing are for models that do not say how they see photographs.

The page has no password. It answers this machine alone, unless --addr says
otherwise, and only under the names localhost and 127.0.0.1 or those of --host.
Ctrl-C ends it, once the requests under way are answered; the exit status is 0.`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "`HOST:PORT` listen here; port 0 is any free one", Value: "127.0.0.1:8080"},
			&cli.StringFlag{Name: "runs", Usage: "`DIR` show the run folders in this folder", Value: "runs"},
			repeated("host", "`NAME` answer to this name too, for a proxy before it"),
			memoryLimit(),
		}, preprocessingFlags()...),
		Action: runServe,
	}
}

// served is what serve tells when it listens, as --json gives it.
type served struct {
	URL    string   `json:"url"`
	Models []string `json:"models"`
}

func runServe(c *cli.Context) error {
	u := newUI(c)
	host, port, err := net.SplitHostPort(c.String("addr"))
	if n, e := strconv.Atoi(port); err != nil || e != nil || n < 0 || n > 65535 {
		return usagef("", "--addr %s: want HOST:PORT, as 127.0.0.1:8080", quote(c.String("addr")))
	}
	config := serve.Config{
		Folder: c.String("runs"), Open: readModel, Hosts: c.StringSlice("host"), Version: c.App.Version, Threads: threads(c),
		Log: func(line string) { u.debugf("%s", line) },
	}
	if c.IsSet("runs") && !isDir(config.Folder) {
		return fmt.Errorf("--runs %s: there is no such folder", quote(config.Folder))
	}
	config.MaxMemory = maxMemory(c, nil)
	for _, arg := range c.Args().Slice() {
		if arg == "" {
			return usagef("graft serve "+c.Command.ArgsUsage, "serve: an argument is empty")
		}
		if isDir(arg) {
			if !exists(filepath.Join(arg, serve.ArgsFile)) {
				return hinted{fmt.Errorf("%s: a folder without %s, want a model or a run folder", quote(arg), serve.ArgsFile), "--runs DIR shows the run folders in a folder"}
			}
			config.Runs = append(config.Runs, arg)
			continue
		}
		m, err := servedModel(c, u, arg, config.Models)
		if err != nil {
			return err
		}
		config.Models = append(config.Models, m)
		config.MaxMemory = max(config.MaxMemory, maxMemory(c, m.Proto))
	}
	l, err := listen(host, port)
	if err != nil {
		return err
	}
	defer l.Close()
	config.Public = isPublic(l)
	s, err := serve.New(config)
	if err == nil && len(s.Models()) == 0 { // a page to try nothing on would be a poor one
		if config.Models, err = inside(); err == nil {
			s, err = serve.New(config)
		}
	}
	if err != nil {
		return err
	}
	defer s.Close()
	tell := served{URL: "http://" + l.Addr().String() + "/", Models: s.Models()}
	if config.Public {
		u.warnf("%s can be reached from other machines, and the page has no password", l.Addr())
	}
	u.infof("open this address in a browser; Ctrl-C ends it")
	if err := u.result("", tell, func(w io.Writer) error { _, err := fmt.Fprintln(w, tell.URL); return err }); err != nil {
		return err
	}
	return s.Serve(c.Context, l)
}

// servedModel reads a model and gives it a name that none of the others has.
func servedModel(c *cli.Context, u *ui, path string, others []serve.Model) (serve.Model, error) {
	m, err := readModel(path)
	if err != nil {
		return serve.Model{}, err
	}
	var see *data.Preprocess
	_, stored := onnx.Metadata(m, finetune.InputKey)
	pre, err := preprocessing(c, m)
	switch {
	case errors.As(err, new(usageError)):
		return serve.Model{}, err
	case stored: // what the model says holds
	case err == nil:
		see = &pre
	default: // tensors need none
		u.warnf("%s: photographs cannot be tried on it: %v", quote(path), err)
	}
	stem := strings.TrimSuffix(filepath.Base(path), ".onnx")
	name := stem
	taken := func() bool {
		for _, o := range others {
			if o.Name == name {
				return true
			}
		}
		return false
	}
	for n := 2; taken(); n++ {
		name = stem + "-" + strconv.Itoa(n)
	}
	return serve.Model{Name: name, From: path, Proto: m, Preprocess: see}, nil
}

// inside is the network inside the program.
func inside() ([]serve.Model, error) {
	m, err := models.Base()
	if err != nil {
		return nil, err
	}
	if err := onnx.Check(m); err != nil {
		return nil, err
	}
	return []serve.Model{{Name: "digits", From: "inside graft: tells handwritten 0 to 4 apart, white on black", Proto: m}}, nil
}

// listen opens the address that the page is at.
func listen(host, port string) (net.Listener, error) {
	address := net.JoinHostPort(host, port)
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, hinted{fmt.Errorf("--addr %s: in use by another program", quote(address)), "give --addr another port; 0 is any free one"}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if err != nil {
		return nil, fmt.Errorf("--addr %s: %w", quote(address), err)
	}
	return l, nil
}

// isPublic says whether other machines can reach a listener.
func isPublic(l net.Listener) bool {
	a, ok := l.Addr().(*net.TCPAddr)
	return ok && !a.IP.IsLoopback()
}
