package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/record"
	"whydrop/probes/remote"
	"whydrop/probes/target"
	"whydrop/ui"
)

// serveFactsCommand is what --host runs on the other machine.
func serveFactsCommand() *cobra.Command {
	var brought bool
	var instead int
	cmd := &cobra.Command{
		Use:    "serve-facts",
		Short:  "Tell another whydrop what this host shows; --host runs it over ssh",
		Hidden: true,
		Args:   noArguments,
		RunE:   func(cmd *cobra.Command, _ []string) error { return serveFacts(cmd, brought, instead) },
	}
	cmd.Flags().BoolVar(&brought, "brought", false, "the program was brought: tell its hash, and wait where the connection breaks")
	cmd.Flags().IntVar(&instead, "instead", 0, "end this `process` of the same program")
	return cmd
}

func serveFacts(cmd *cobra.Command, brought bool, instead int) error {
	signal.Ignore(syscall.SIGPIPE) // a connection that broke is told by the write
	me := thisHost()
	hello := remote.Hello{
		Schema: record.Schema, Whydrop: me.Whydrop, Host: me.Host, Kernel: me.Kernel, Machine: me.Machine,
		Root: os.Geteuid() == 0, Now: time.Now(), PID: os.Getpid(),
	}
	if brought {
		// Tools such as ps(1) would name it after the descriptor it was started by.
		_ = os.WriteFile("/proc/self/comm", []byte("whydrop"), 0) // of no weight
		sum, err := remote.Sum()
		if err != nil {
			return fmt.Errorf("reading the program itself: %w", err)
		}
		hello.Sum = sum
		remote.Replace(instead)
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	looks := 0
	far := remote.Far{In: os.Stdin, Out: os.Stdout, Hello: hello, Linger: brought}
	far.Run = func(ctx context.Context, r remote.Request, each func(*fact.Facts)) error {
		known := knowledge(cmd, book, r.Flows...)
		known.NoBPF = known.NoBPF || r.NoBPF
		var more []fact.Source
		if r.Target != "" {
			t, err := target.New(r.Target)
			if err != nil {
				return err
			}
			more = append(more, t)
		}
		host := probes.Default(known, more...)
		if r.Observe > 0 {
			each(host.Observe(ctx, min(r.Observe, maxDuration), nil))
			return nil
		}
		host.Watch(ctx, min(max(r.Window, minDuration), maxDuration), func(f *fact.Facts) {
			each(f)
			if looks++; looks == ui.Settled {
				ui.Spare()
			}
		})
		return nil
	}
	return far.Serve(cmd.Context())
}
