package foreign

import (
	"math"
	"strconv"
	"strings"

	"whydrop/probes/sockets/inetdiag"
)

// infoFields are the fields of tcp_info by what ss calls them (misc/ss.c,
// tcp_stats_print): where the number goes, and how long a tcp_info with it is. ss
// leaves out those that are zero.
var infoFields = map[string]struct {
	length uint16
	set    func(i *inetdiag.Info, v float64)
}{
	"rto":            {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.RTO = micros(v) }},
	"backoff":        {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.Backoff = uint8(min(v, 255)) }},
	"mss":            {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.SndMSS = u32(v) }},
	"pmtu":           {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.PMTU = u32(v) }},
	"cwnd":           {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.SndCwnd = u32(v) }},
	"unacked":        {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.Unacked = u32(v) }},
	"sacked":         {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.Sacked = u32(v) }},
	"rtt":            {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.RTT = micros(v) }},
	"rcv_rtt":        {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.RcvRTT = micros(v) }},
	"lastsnd":        {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.LastDataSent = u32(v) }},
	"lastrcv":        {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.LastDataRecv = u32(v) }},
	"lastack":        {inetdiag.LenTotalRetrans, func(i *inetdiag.Info, v float64) { i.LastAckRecv = u32(v) }},
	"bytes_acked":    {inetdiag.LenBytesReceived, func(i *inetdiag.Info, v float64) { i.BytesAcked = u64(v) }},
	"bytes_received": {inetdiag.LenBytesReceived, func(i *inetdiag.Info, v float64) { i.BytesReceived = u64(v) }},
	"notsent":        {inetdiag.LenNotsentBytes, func(i *inetdiag.Info, v float64) { i.NotsentBytes = u32(v) }},
	"minrtt":         {inetdiag.LenMinRTT, func(i *inetdiag.Info, v float64) { i.MinRTT = micros(v) }},
	"data_segs_out":  {inetdiag.LenDataSegsOut, func(i *inetdiag.Info, v float64) { i.DataSegsOut = u32(v) }},
	"data_segs_in":   {inetdiag.LenDataSegsOut, func(i *inetdiag.Info, v float64) { i.DataSegsIn = u32(v) }},
	"busy":           {inetdiag.LenSndbufLimited, func(i *inetdiag.Info, v float64) { i.BusyTime = u64(v * 1000) }},
	"rwnd_limited":   {inetdiag.LenSndbufLimited, func(i *inetdiag.Info, v float64) { i.RwndLimited = u64(v * 1000) }},
	"sndbuf_limited": {inetdiag.LenSndbufLimited, func(i *inetdiag.Info, v float64) { i.SndbufLimited = u64(v * 1000) }},
	"delivered":      {inetdiag.LenDeliveredCE, func(i *inetdiag.Info, v float64) { i.Delivered = u32(v) }},
	"delivered_ce":   {inetdiag.LenDeliveredCE, func(i *inetdiag.Info, v float64) { i.DeliveredCE = u32(v) }},
	"bytes_sent":     {inetdiag.LenReordSeen, func(i *inetdiag.Info, v float64) { i.BytesSent = u64(v) }},
	"bytes_retrans":  {inetdiag.LenReordSeen, func(i *inetdiag.Info, v float64) { i.BytesRetrans = u64(v) }},
	"dsack_dups":     {inetdiag.LenReordSeen, func(i *inetdiag.Info, v float64) { i.DsackDups = u32(v) }},
	"reord_seen":     {inetdiag.LenReordSeen, func(i *inetdiag.Info, v float64) { i.ReordSeen = u32(v) }},
	"rcv_ooopack":    {inetdiag.LenRcvOoopack, func(i *inetdiag.Info, v float64) { i.RcvOoopack = u32(v) }},
	"snd_wnd":        {inetdiag.LenSndWnd, func(i *inetdiag.Info, v float64) { i.SndWnd = u32(v) }},
	"rcv_wnd":        {inetdiag.LenRcvWnd, func(i *inetdiag.Info, v float64) { i.RcvWnd = u32(v) }},
}

// infoField takes one field of ss -i, and returns how long a tcp_info with it is; 0
// for one that is not used.
func infoField(i *inetdiag.Info, name, value string) uint16 {
	switch name {
	case "wscale":
		i.Options |= inetdiag.OptWindowScale
		return inetdiag.LenTotalRetrans
	case "retrans": // in flight / all
		_, all, ok := strings.Cut(value, "/")
		n, err := strconv.ParseUint(all, 10, 32)
		if !ok || err != nil {
			return 0
		}
		i.TotalRetrans = uint32(n)
		return inetdiag.LenTotalRetrans
	}
	field, known := infoFields[name]
	if !known {
		return 0
	}
	v, ok := leadingNumber(value)
	if !ok {
		return 0
	}
	field.set(i, v)
	return field.length
}

// leadingNumber is the number that a value begins with: "12ms(0.1%)", "0.5/0.2".
func leadingNumber(s string) (float64, bool) {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	v, err := strconv.ParseFloat(s[:end], 64)
	return v, err == nil
}

// rate is a number of bits a second as ss prints it ("12.5Mbps"), in bytes.
func rate(s string) uint64 {
	v, ok := leadingNumber(s)
	if !ok {
		return 0
	}
	switch {
	case strings.HasSuffix(s, "Kbps"):
		v *= 1e3
	case strings.HasSuffix(s, "Mbps"):
		v *= 1e6
	case strings.HasSuffix(s, "Gbps"):
		v *= 1e9
	}
	return u64(v / 8)
}

// micros are milliseconds in microseconds.
func micros(ms float64) uint32 { return u32(ms * 1000) }

func u32(v float64) uint32 { return uint32(max(0, min(v, math.MaxUint32))) }

func u64(v float64) uint64 { return uint64(max(0, min(v, 1<<63))) }
