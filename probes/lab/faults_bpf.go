//go:build linux

package lab

var bpfFaults = []Scenario{}
