package remote

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

// badWire carries ssh's bytes to a server (ProxyCommand) as TCP does over a path with a
// round trip of 200 ms that loses 3 % of the segments: each lost one holds up what is
// behind it until it is sent again.
func badWire(addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		os.Exit(1)
	}
	done := make(chan struct{}, 2)
	go func() { late(c, os.Stdin); done <- struct{}{} }()
	go func() { late(os.Stdout, c); done <- struct{}{} }()
	<-done
	os.Exit(0)
}

func late(out io.Writer, in io.Reader) {
	type segment struct {
		data []byte
		at   time.Time
	}
	way := make(chan segment, 64) // in flight: 64 KiB and more
	go func() {
		defer close(way)
		random := rand.New(rand.NewPCG(1, 2))
		var last time.Time
		for {
			data := make([]byte, 1448)
			n, err := in.Read(data)
			if err != nil {
				return
			}
			at := time.Now().Add(100 * time.Millisecond)
			if random.Float64() < 0.03 {
				at = at.Add(300 * time.Millisecond) // a timeout, or a round trip and more
			}
			if at.Before(last) {
				at = last
			}
			last = at
			way <- segment{data[:n], at}
		}
	}()
	for s := range way {
		time.Sleep(time.Until(s.at))
		if _, err := out.Write(s.data); err != nil {
			return
		}
	}
}
