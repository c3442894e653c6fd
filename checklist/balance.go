package checklist

import (
	"fmt"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Balance is what TCP had to send again against what was lost on this host.
type Balance struct {
	// Retrans is segments sent again without SYNs, Spurious those that the peer
	// reported as unnecessary, Unlocated what remains of them after what was lost on
	// this host on the way out.
	Retrans, Spurious, Unlocated float64
	LocatedRx, LocatedTx         float64 // lost on this host
	LocatedRxData                float64 // of LocatedRx at most so many with data
	Known                        bool    // the kernel's TCP counters could be read
}

// Worth says whether there is anything to balance.
func (b Balance) Worth() bool { return b.Known && b.Retrans > 0 }

// String tells the balance in one sentence.
func (b Balance) String() string {
	return fmt.Sprintf("segments sent again: %s = %s lost on this host on the way out + %s in vain (DSACK) + %s lost elsewhere, or where nobody counts",
		content.Show(b.Retrans), content.Show(b.Retrans-b.Spurious-b.Unlocated), content.Show(b.Spurious), content.Show(b.Unlocated))
}

// Sentence tells the balance also where there is nothing to balance, and where
// nobody could.
func (b Balance) Sentence() string {
	switch {
	case b.Worth():
		return b.String()
	case b.Known:
		return "no segment was sent again: there is no loss to account for"
	default:
		return "what was sent again could not be read, so that nothing can be balanced"
	}
}

// droppedData adds up the segments with data that the kernel freed on their way
// in. It is known if all TCP packets that were dropped there were sampled.
func droppedData(facts *fact.Facts) (segments float64, known bool) {
	rows, looked := facts.Tables[content.DropTable]
	for _, row := range rows {
		tcp, _ := row["tcp_packets"].(float64)
		if tcp == 0 || row["direction"] != "rx" || row["loss"] == "no" {
			continue
		}
		n, sampled := row["data_packets"].(float64)
		if !sampled {
			return 0, false
		}
		segments += n
	}
	return segments, looked
}

// balance balances the books.
func balance(facts *fact.Facts, lines []*line) Balance {
	var b Balance
	for _, l := range lines {
		switch {
		case !l.Loss:
		case l.Direction == "tx":
			b.LocatedTx += l.tcp
		default:
			b.LocatedRx += l.tcp
		}
	}
	b.LocatedRxData = b.LocatedRx
	if data, known := droppedData(facts); known {
		b.LocatedRxData = min(b.LocatedRx, data)
	}
	retrans, ok1 := facts.Num("Tcp.RetransSegs")
	syns, ok2 := facts.Num("TcpExt.TCPSynRetrans")
	if b.Known = ok1 && ok2; !b.Known {
		return b
	}
	b.Retrans = max(0, retrans-syns)
	// One DSACK may tell of several segments; before Linux 5.10 they were not counted.
	spurious, _ := facts.Num("TcpExt.TCPDSACKRecv")
	segments, _ := facts.Num("TcpExt.TCPDSACKRecvSegs")
	b.Spurious = min(max(spurious, segments), b.Retrans)
	b.Unlocated = max(0, b.Retrans-b.Spurious-b.LocatedTx)
	return b
}

// balanced returns the facts with the balance of the ledger in them.
func balanced(book *content.Book, facts *fact.Facts, b Balance) *scene {
	values := map[string]any{}
	if b.Known {
		all := newScene(facts, nil)
		queuesUnread := unread(book, all, "qdisc", "tx")
		values["ledger.queues_unread"], values["ledger.hooks_unread"] = queuesUnread, unread(book, all, "netfilter", "tx")
		// That nothing was dropped is only known where somebody looked.
		if b.LocatedTx > 0 || !queuesUnread {
			values["ledger.located_tx"] = b.LocatedTx
		}
		if b.LocatedRx > 0 || !unread(book, all, "nic", "rx") {
			values["ledger.located_rx"], values["ledger.located_rx_data"] = b.LocatedRx, b.LocatedRxData
		}
		values["ledger.retrans"], values["ledger.spurious"] = b.Retrans, b.Spurious
		values["ledger.unlocated"] = b.Unlocated
		if sent, ok := facts.Num("TcpExt.TCPOrigDataSent"); ok && sent > 0 {
			share := min(1, b.Unlocated/sent)
			values["ledger.unlocated_share"] = share
			if run, known := lossRun(facts, share); known {
				values["ledger.run"] = run
			}
		}
	}
	return newScene(facts, values)
}

// unread says whether nobody could look at any place of a hop that loses packets in
// a direction. Where there is none, nothing is unread.
func unread(book *content.Book, facts *scene, hop, direction string) bool {
	places := false
	for _, ll := range book.Ledger {
		if ll.Hop != hop || ll.Direction != direction || !ll.Counts() {
			continue
		}
		places = true
		rows, known := ledgerRows(facts, ll)
		if known && len(rows) == 0 {
			return false
		}
		for _, env := range rows {
			if _, known := amount(facts, ll, env); known {
				return false
			}
		}
	}
	return places
}
