package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whydrop/probes/fact"
	"whydrop/probes/load"
)

// serveLoad is the counterpart.
func serveLoad(cmd *cobra.Command, o loadOptions) error {
	var odd error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if cmd.InheritedFlags().Lookup(f.Name) == nil && !slices.Contains([]string{"serve", "from", "for", "connections", "bytes", "json"}, f.Name) {
			odd = usageError{fmt.Errorf("--%s is not for --serve", f.Name)}
		}
	})
	if odd != nil {
		return odd
	}
	limits := load.DefaultLimits()
	limits.Open = cmp.Or(o.traffic.Open, limits.Open)
	limits.Bytes = cmp.Or(o.traffic.Bytes, limits.Bytes)
	limits.Duration = cmp.Or(o.duration, limits.Duration)
	for _, text := range o.from {
		p, err := netip.ParsePrefix(text)
		if a, aErr := netip.ParseAddr(text); aErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return usageError{fmt.Errorf("--from %q: expected an address or a network such as 192.0.2.0/24", text)}
		}
		limits.From = append(limits.From, p)
	}
	if err := limits.Check(); err != nil {
		return usageError{err}
	}
	l, err := load.Listen(cmd.Context(), o.serve)
	if err != nil {
		return err
	}
	from := "from everywhere"
	if len(o.from) > 0 {
		from = "only from " + strings.Join(o.from, ", ")
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "answering at %s, %s: at most %d connections at a time and %s, for %v; Ctrl+C ends it\n",
		l.Addr(), fact.Clean(from, 200), limits.Open, load.Size(limits.Bytes), limits.Duration)
	served, err := load.Serve(cmd.Context(), l, limits)
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(served)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d connections (%d more at once than allowed, %d from elsewhere), %d requests, %s, %d segments sent again, %d connections broken; ended by: %s\n",
		served.Connections, served.TooMany, served.Strangers, served.Requests, load.Size(served.Bytes), served.Again, served.Broken, served.Ended)
	return err
}
