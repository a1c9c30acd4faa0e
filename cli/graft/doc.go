// Command graft fine-tunes pretrained ONNX convnets and writes ONNX back.
//
//	graft VERB MODEL [DATA] [flags]
//
// This package is the command line only: it turns arguments into calls of the
// libraries (onnx, graph, finetune) and their results into text, JSON and exit
// statuses. It computes nothing itself.
//
// # Data flow
//
//	os.Args --permute (args.go)--> VERB --flag=value … -- positionals
//	        --urfave/cli (main.go)--> runVerb(c)  (one file a verb)
//	        --ui (ui.go)--> stdout: the result;  stderr: progress and messages
//	        --exitStatus (main.go)--> 0 done, 1 refused or failed, 2 usage,
//	                                  130 SIGINT, 143 SIGTERM
//
// # Adding a verb
//
// A verb is one file with two functions: xVerb() *cli.Command, which is its
// row of the command line (name, arguments, examples in UsageText, help, flag
// table), and runX(c *cli.Context) error, which reads the flags, calls the
// library and shows the result:
//
//	func runX(c *cli.Context) error {
//		u := newUI(c)
//		args, err := positionals(c, "MODEL")
//		if err != nil {
//			return err
//		}
//		if err := checkOutput(c.String("output"), args[0]); err != nil {
//			return err
//		}
//		p := u.progress("reading", n, "images") // p.add(1) …, p.done()
//		…                                       // c.Context is cancelled by SIGINT and SIGTERM
//		return u.next(u.result("", record, func(w io.Writer) error { … }), "graft inspect "+inShell(path))
//	}
//
// Help, completions, manual pages and docs/reference are all made of that row. The
// placeholder before a flag's help, between backquotes, says what the flag takes: words
// in lower case stand for themselves, FILE.onnx, DIR, MODEL and DATA for files, other
// capitals for what nobody can complete. Run make docs after a change.
//
// The verb becomes visible by its line in verbs (main.go). Errors of libraries
// go up as they are; one that carries a Hint() string method gets its hint
// printed. Wrong use of the command line is a usagef error.
package main
