package main

import (
	"errors"

	"github.com/urfave/cli/v2"
)

func reportSweep(c *cli.Context, u *ui, path string) error { return errors.New("TODO") }
func writeJob(c *cli.Context, u *ui, path string) error    { return errors.New("TODO") }
