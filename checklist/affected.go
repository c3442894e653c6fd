package checklist

import (
	"net/netip"

	"whydrop/content"
	"whydrop/probes/fact"
)

// What stands in the texts of remedies where nobody knows which connection to try: as in
// a manual page, something to fill in.
const (
	somePeer = "PEER"
	somePort = "PORT"
)

// affectedEnd is the remote address, and the port of the service, of the connection that
// a remedy is about: that of its own row, or that which the cause's evidence names, or
// else the one that had to send most again. What is not known is a placeholder.
func affectedEnd(f *fact.Facts, row *content.Env, reasons []Reason) (peer, port string) {
	flow, address := named(row, reasons, "flow.name"), named(row, reasons, "peer.name")
	var worst fact.Row
	most := 0.0
	for _, r := range f.Tables["flow"] {
		remote, _ := r["remote"].(string)
		end, err := netip.ParseAddrPort(remote)
		if err != nil {
			continue
		}
		again, _ := r["retrans"].(float64)
		syns, _ := r["syn_retries"].(float64)
		trouble := again + syns
		switch {
		case flow != "":
			if r["name"] != flow {
				continue
			}
			trouble++ // it is the one, whatever it sent
		case address != "" && end.Addr().String() != address:
			continue
		}
		if trouble > most {
			worst, most = r, trouble
		}
	}
	if worst == nil {
		if _, err := netip.ParseAddr(address); err != nil {
			return somePeer, somePort
		}
		return address, somePort
	}
	remote, _ := worst["remote"].(string)
	end, _ := netip.ParseAddrPort(remote)
	return end.Addr().String(), servicePort(worst)
}

// ephemeral is the first port that Linux gives to connections of its own
// (ip_local_port_range; RFC 6335 begins at 49152).
const ephemeral = 32768

// servicePort is the port of the end that listens. Where nobody saw the listeners, it is
// the one that is not ephemeral, if one of them is.
func servicePort(flow fact.Row) string {
	local, here := flow["local_port"].(float64)
	remote, there := flow["remote_port"].(float64)
	inbound, _ := flow["inbound"].(bool)
	switch {
	case here && (inbound || there && local < ephemeral && remote >= ephemeral):
		return content.Show(local)
	case there:
		return content.Show(remote)
	}
	return somePort
}

// named is a name of the row that a text goes through, or of the weightiest reason that
// has it; "" if none has.
func named(row *content.Env, reasons []Reason, name string) string {
	if v, known := row.Value(name); known {
		s, _ := v.(string)
		return s
	}
	for _, r := range reasons {
		if s, is := r.Facts[name].(string); is {
			return s
		}
	}
	return ""
}
