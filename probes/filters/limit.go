package filters

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/nftables/expr"
)

// allowance is what a limit lets pass.
type allowance struct {
	perSource bool    // each source address has its own
	rate      float64 // packets a second; 0 if it is not a rate, or not told
}

func (d *decoder) limit(data []byte) {
	d.rule.match.limit = "limit"
	if e, ok := decode(data, &expr.Limit{}); ok {
		d.rule.match.limit = limitText(e)
		d.rule.match.allows.rate = limitRate(e)
	}
}

func (d *decoder) quota([]byte) { d.rule.match.limit = "quota" }

func (d *decoder) connlimit(data []byte) {
	d.rule.match.limit = "ct count"
	if e, ok := decode(data, &expr.Connlimit{}); ok {
		d.rule.match.limit = fmt.Sprintf("ct count over %d", e.Count)
	}
}

// dynset puts packets into a set; with expressions in it, it is a meter.
func (d *decoder) dynset(data []byte) {
	e, ok := decode(data, &expr.Dynset{})
	if !ok || len(e.Exprs) == 0 {
		return
	}
	m := &d.rule.match
	m.limit = "meter " + clip(e.SetName)
	m.allows.perSource = strings.HasSuffix(d.registers[e.SrcRegKey].what, " saddr")
	for _, inner := range e.Exprs {
		if l, ok := inner.(*expr.Limit); ok {
			m.allows.rate = limitRate(l)
		}
	}
}

// limitRate is in packets a second; 0 for bytes.
func limitRate(e *expr.Limit) float64 {
	if e.Type == expr.LimitTypePktBytes || e.Unit == 0 {
		return 0
	}
	return float64(e.Rate) / float64(e.Unit)
}

func limitText(e *expr.Limit) string {
	unit := map[expr.LimitTime]string{
		expr.LimitTimeSecond: "second", expr.LimitTimeMinute: "minute", expr.LimitTimeHour: "hour",
		expr.LimitTimeDay: "day", expr.LimitTimeWeek: "week",
	}[e.Unit]
	over, bytes := "", ""
	if e.Over {
		over = "over "
	}
	if e.Type == expr.LimitTypePktBytes {
		bytes = " bytes"
	}
	return fmt.Sprintf("limit rate %s%d%s/%s", over, e.Rate, bytes, unit)
}

// xtLimit reads what an xtables match lets pass, as far as its layout is known
// (include/uapi/linux/netfilter/xt_limit.h, xt_recent.h, xt_connlimit.h).
func xtLimit(name string, revision uint32, data []byte) allowance {
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(data[at:]) }
	var a allowance
	switch {
	case name == "limit" && len(data) >= 4:
		a.rate = ratio(10_000, float64(u32(0))) // XT_LIMIT_SCALE
	case name == "hashlimit":
		a = xtHashLimit(revision, data)
	case name == "recent" && len(data) >= 211:
		a.perSource = data[210] == 0 // XT_RECENT_SOURCE
		a.rate = ratio(float64(u32(4)), float64(u32(0)))
	case name == "connlimit" && len(data) >= 24:
		const byDestination = 1 << 1 // XT_CONNLIMIT_DADDR
		a.perSource = u32(20)&byDestination == 0 && u32(0) != 0
	}
	return a
}

// xtHashLimit reads struct xt_hashlimit_mtinfo1, 2 and 3 (xt_hashlimit.h): a name,
// then mode and average, or average, burst and mode.
func xtHashLimit(revision uint32, data []byte) allowance {
	const bySource, byBytes = 1 << 2, 1 << 5 // XT_HASHLIMIT_HASH_SIP, XT_HASHLIMIT_BYTES
	var mode uint32
	var rate float64
	switch {
	case revision == 1 && len(data) >= 24:
		mode = binary.NativeEndian.Uint32(data[16:])
		rate = ratio(10_000, float64(binary.NativeEndian.Uint32(data[20:]))) // XT_HASHLIMIT_SCALE
	case revision >= 2 && len(data) >= 276:
		mode = binary.NativeEndian.Uint32(data[272:])
		rate = ratio(1_000_000, float64(binary.NativeEndian.Uint64(data[256:]))) // XT_HASHLIMIT_SCALE_v2
	}
	if mode&byBytes != 0 {
		rate = 0
	}
	return allowance{mode&bySource != 0, rate}
}

// ratio is 0 where it has no meaning.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
