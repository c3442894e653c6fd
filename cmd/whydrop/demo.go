package main

import (
	"bytes"
	_ "embed"

	"whydrop/probes/record"
)

// demo is a recording of a sick host of the lab. It is recorded anew by
//
//	go test ./cmd/whydrop -run TestDemo -demo-record
//
//go:embed demo.whydrop
var demo []byte

const demoNote = "DEMO: this is a recorded sick host, not this one. Nothing of this host is read."

// openDemo opens the embedded recording.
func openDemo() (*record.Recording, error) {
	return record.Read(bytes.NewReader(demo), int64(len(demo)))
}
