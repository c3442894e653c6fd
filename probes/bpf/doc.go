// Package bpf holds what the BPF programs of the probes share: the kernel's
// structures as far as they read them (kernel.h). Each program stands beside the
// probe that loads it, with the objects that `go generate` makes of it.
package bpf
