package main

import (
	"bytes"
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
// the beginning again when it ends. It holds one second of it at a time: all of
// them together would take more memory than the rest of the program.
func play(ctx context.Context, record []byte, each func(*fact.Facts)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		err := eachRecorded(record, func(f *fact.Facts) bool {
			select {
			case <-ctx.Done():
				return false
			case now := <-second.C:
				f.Start = now.Add(-time.Duration(f.Seconds * float64(time.Second)))
				each(f)
				return true
			}
		})
		if err != nil || ctx.Err() != nil {
			return
		}
	}
}

// eachRecorded calls back with each observation of a record until it ends or the
// callback says so.
func eachRecorded(record []byte, each func(*fact.Facts) (more bool)) error {
	plain, err := gzip.NewReader(bytes.NewReader(record))
	if err != nil {
		return fmt.Errorf("the recorded host cannot be read: %w", err)
	}
	in := json.NewDecoder(plain)
	for n := 1; ; n++ {
		f := &fact.Facts{}
		switch err := in.Decode(f); {
		case err == io.EOF && n == 1:
			return errors.New("the recorded host shows nothing")
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("the recorded host, second %d: %w", n, err)
		}
		if !each(f) {
			return nil
		}
	}
}
