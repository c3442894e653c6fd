package main

import (
	"bufio"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"whydrop/probes/fact"
)

// demo is what a sick host of the lab showed, second by second: one observation
// as JSON a line. It is recorded anew by
//
//	go test ./cmd/whydrop -run TestDemo -demo-record
//
//go:embed demo.jsonl.gz
var demo []byte

const demoNote = "DEMO: this is a recorded sick host, not this one. Nothing of this host is read."

// play shows a recorded host as if it were watched now, a second a second, from
// the beginning again when it ends.
func play(ctx context.Context, recorded []*fact.Facts, each func(*fact.Facts)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case now := <-second.C:
			f := *recorded[i%len(recorded)]
			f.Start = now.Add(-time.Duration(f.Seconds * float64(time.Second)))
			each(&f)
		}
	}
}

func readDemo(r io.Reader) ([]*fact.Facts, error) {
	plain, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("the recorded host cannot be read: %w", err)
	}
	var recorded []*fact.Facts
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		f := &fact.Facts{}
		if err := json.Unmarshal(lines.Bytes(), f); err != nil {
			return nil, fmt.Errorf("the recorded host, second %d: %w", len(recorded)+1, err)
		}
		recorded = append(recorded, f)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the recorded host cannot be read: %w", err)
	}
	if len(recorded) == 0 {
		return nil, errors.New("the recorded host shows nothing")
	}
	return recorded, nil
}
