package klog

import "time"

// NewMessage is a message as another tool printed it. It is false for one that is
// not about the network, memory or a driver: such are not kept.
func NewMessage(seq uint64, at time.Duration, level int, text string) (Message, bool) {
	return Message{Seq: seq, At: at, Level: level, Text: cut(text, maxText)}, relevant(text)
}
