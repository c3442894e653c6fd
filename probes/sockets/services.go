package sockets

import (
	"strconv"

	"whydrop/probes/sockets/inetdiag"
)

// services sums up by the service that a connection belongs to: the local port if
// this host listens on it, else the remote port.
type services struct {
	slots [2]*[1 << 16]uint16 // outbound and inbound: position in sums + 1
	sums  []serviceSum
}

type serviceSum struct {
	port    uint16
	inbound bool
	tally
}

// maxServices bounds the ports that are told apart at one look.
const maxServices = 1024

func (s *services) init() {
	s.slots = [2]*[1 << 16]uint16{new([1 << 16]uint16), new([1 << 16]uint16)}
}

func (s *services) reset() {
	for i := range s.sums {
		s.slots[index(s.sums[i].inbound)][s.sums[i].port] = 0
	}
	s.sums = s.sums[:0]
}

// of returns the sum of a connection's service, nil if there is no room for it.
func (s *services) of(k *inetdiag.Socket, inbound bool) *tally {
	port := k.Remote.Port()
	if inbound {
		port = k.Local.Port()
	}
	slot := &s.slots[index(inbound)][port]
	if *slot == 0 {
		if len(s.sums) == maxServices {
			return nil
		}
		s.sums = append(s.sums, serviceSum{port: port, inbound: inbound})
		*slot = uint16(len(s.sums))
	}
	return &s.sums[*slot-1].tally
}

func (s *services) report() []Group {
	told := make([]Group, len(s.sums))
	for i := range s.sums {
		sum := &s.sums[i]
		name := "to port " + strconv.Itoa(int(sum.port))
		if sum.inbound {
			name = "port " + strconv.Itoa(int(sum.port)) + " here"
		}
		told[i] = Group{Name: name, Port: sum.port, Inbound: sum.inbound, Sum: sum.sum()}
	}
	return told
}
