package main

import (
	"errors"
	"time"

	"whydrop/probes/load"
)

// besideSlack is by how much longer than the observation traffic may last: what ends it
// is the end of the observation.
const besideSlack = 5 * time.Second

// observe observes the host, with the traffic that is wanted beside it, and says how
// that fared; nil for none.
func (a *applier) observe(d time.Duration) (*load.Result, error) {
	if a.beside == nil {
		return nil, observe(a.cmd, a.c, d, nil)
	}
	end := a.beside.start(a.cmd.Context())
	err := observe(a.cmd, a.c, d, nil)
	r, failed := end()
	return r, errors.Join(err, failed)
}

// fared tells how the traffic fared after a step, beside how it fared before any.
func (a *applier) fared(now *load.Result) {
	if a.sent == nil || now == nil {
		return
	}
	for _, l := range load.Compare(a.sent, now) {
		if l.Outcome != load.TooFew && (l.Unit == "share" || l.Outcome != load.NoDiff) {
			a.field("traffic", l.What+": "+l.Outcome+", "+figureText(l.Unit, l.Before)+" -> "+figureText(l.Unit, l.After))
		}
	}
}
