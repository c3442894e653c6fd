package foreign

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/klog"
)

// maxMessages bounds the lines of one kernel log.
const maxMessages = 200_000

// logLine is a message as dmesg prints it, with any of -T, -r and -x: level,
// stamp, text.
var logLine = regexp.MustCompile(`^(?:<(\d{1,3})>|(?:\w+\s*:(\w+)\s*: ))?\[\s*([^\]]{1,40})\]\s?(.*)$`)

// journalLine is a message of the kernel as journalctl and syslog print it.
var journalLine = regexp.MustCompile(`^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S{8,30}) \S+ kernel: (?:\[\s*(\d+\.\d+)\] )?(.*)$`)

var levels = map[string]int{"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warn": 4, "notice": 5, "info": 6, "debug": 7}

// usualLevel is the level of a message that does not tell its own: a warning, the
// kernel's default.
const usualLevel = 4

// message is one line of a kernel log, and the stamp by which it is known again.
type message struct {
	stamp string
	text  string
	level int
	at    time.Duration // since boot, or since 1970 (absolute), as the log tells
	when  bool          // at is known
	epoch bool          // at is since 1970
}

// parseLog reads a kernel log, oldest message first.
func parseLog(text string) []message {
	var all []message
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > maxLine || len(all) == maxMessages {
			continue
		}
		m := message{level: usualLevel}
		stamp := ""
		if f := logLine.FindStringSubmatch(line); f != nil {
			stamp, m.text = f[3], f[4]
			if priority, err := strconv.Atoi(f[1]); err == nil {
				m.level = priority & 7
			} else if l, known := levels[f[2]]; known {
				m.level = l
			}
		} else if f := journalLine.FindStringSubmatch(line); f != nil {
			stamp, m.text = f[1], f[3]
			if f[2] != "" {
				stamp = f[2]
			}
		} else {
			continue
		}
		m.stamp = stamp
		m.time()
		all = append(all, m)
	}
	return all
}

// time reads the stamp: seconds since boot, or a date.
func (m *message) time() {
	if s, err := strconv.ParseFloat(m.stamp, 64); err == nil && s >= 0 && s < 1e9 {
		m.at, m.when = time.Duration(s*float64(time.Second)), true
		return
	}
	for _, layout := range []string{"Mon Jan _2 15:04:05 2006", time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05.999999-0700", "Jan _2 15:04:05"} {
		if at, err := time.Parse(layout, m.stamp); err == nil {
			m.at, m.when, m.epoch = time.Duration(at.Unix())*time.Second, true, true
			return
		}
	}
}

// logReading is a kernel log as the probe reads it. Messages that before holds,
// too, are not fresh. Where no uptime is known, the end of the log stands for the
// present, from which the age of a message is told.
func logReading(all []message, before map[string]bool, uptime time.Duration) *klog.Reading {
	r := &klog.Reading{Next: 1}
	if len(all) > 0 {
		last := all[len(all)-1]
		r.Now = last.at
		if !last.epoch {
			r.Now = max(last.at, uptime)
		}
	}
	for _, m := range all {
		seq := uint64(0)
		if before != nil && !before[m.stamp+m.text] {
			seq = 1
		}
		if kept, relevant := klog.NewMessage(seq, m.at, m.level, printable(m.text, 300)); relevant {
			r.Messages = append(r.Messages, kept)
		}
	}
	const most = 1000 // as the probe keeps
	r.Messages = r.Messages[max(0, len(r.Messages)-most):]
	return r
}
