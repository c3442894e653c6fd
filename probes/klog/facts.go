package klog

import (
	"strings"

	"whydrop/probes/fact"
)

// maxName bounds the shortened message that names a row, in bytes.
const maxName = 80

// Facts tells the messages. Fresh are those that came after the first of the
// readings: by their sequence numbers, so that no clock matters.
func (*Source) Facts(readings []fact.Reading, f *fact.Facts) {
	var first, last *Reading
	for _, r := range readings {
		d, ok := r.Data.(*Reading)
		if !ok || d == nil {
			continue
		}
		last = d
		if first == nil && d.Refused == "" {
			first = d
		}
		if d.Lost {
			f.CannotSee(name, "kernel messages that were overwritten before they could be read", "")
		}
	}
	if last == nil {
		return
	}
	f.Flag("log.readable", last.Refused == "")
	if last.Refused != "" {
		f.CannotSee(name, last.Refused, last.Needs)
		return
	}
	f.Table("log")
	for _, m := range last.Messages {
		f.Add("log", fact.Row{
			"name":  strings.TrimSpace(cut(m.Text, maxName)),
			"text":  m.Text,
			"fresh": m.Seq >= first.Next,
			"age_s": max(0, (last.Now - m.At).Seconds()),
			"level": float64(m.Level),
		})
	}
}
