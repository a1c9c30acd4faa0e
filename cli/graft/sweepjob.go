package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"graft/finetune/sweep"
)

// writeJob is sweep slurm and sweep kubernetes.
func writeJob(c *cli.Context, u *ui, path string) error {
	s, err := openStudy(path)
	if err != nil {
		return err
	}
	defer s.Close()
	out := c.String("output")
	if err := checkOutput(out, path); err != nil {
		return err
	}
	j := sweep.Job{Jobs: c.Int("jobs"), Image: c.String("image"), Claim: c.String("claim")}
	if j.Image == "" {
		j.Image = "graft:latest"
	}
	if j.Claim == "" {
		j.Claim = "study"
	}
	if j.Plan, err = filepath.Abs(path); err != nil {
		return err
	}
	if j.Graft, err = os.Executable(); err != nil {
		return err
	}
	write := func(w io.Writer) error { return s.Slurm(w, j) }
	if c.Args().First() == "kubernetes" {
		write = func(w io.Writer) error { return s.Kubernetes(w, j) }
	}
	if out == "" {
		return write(u.out)
	}
	submit := map[string]string{"slurm": "sh ", "kubernetes": "kubectl apply -f "}[c.Args().First()]
	return u.next(writeFile(out, write), submit+inShell(out))
}
