package apply

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// object is a message of rtnetlink that describes a qdisc, a class or a route as
// the kernel sent it: sent back, it makes the same again.
type object struct {
	Header     []byte      // struct tcmsg or rtmsg
	Attributes []attribute // as they came
}

type attribute struct {
	Type uint16
	Data []byte
}

func (o object) get(kind uint16) []byte {
	for _, a := range o.Attributes {
		if a.Type&typeMask == kind {
			return a.Data
		}
	}
	return nil
}

// with returns the object with another value of an attribute; nil takes it out.
func (o object) with(kind uint16, data []byte) object {
	out := object{Header: o.Header}
	for _, a := range o.Attributes {
		if a.Type&typeMask != kind {
			out.Attributes = append(out.Attributes, a)
		}
	}
	if data != nil {
		out.Attributes = append(out.Attributes, attribute{kind, data})
	}
	return out
}

// only returns the object with none but these attributes.
func (o object) only(kinds ...uint16) object {
	out := object{Header: o.Header}
	for _, k := range kinds {
		if v := o.get(k); v != nil {
			out.Attributes = append(out.Attributes, attribute{k, v})
		}
	}
	return out
}

// message is the object as it is sent; nil if it is empty.
func (o object) message() []byte {
	b := append([]byte(nil), o.Header...)
	for _, a := range o.Attributes {
		b = appendAttribute(b, a.Type, a.Data)
	}
	return b
}

// appendAttribute appends a struct rtattr with its padding.
func appendAttribute(b []byte, kind uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, data...)
	for len(b)%unix.RTA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

// splitAttributes takes attributes apart. What is damaged ends them.
func splitAttributes(b []byte) []attribute {
	var all []attribute
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			break
		}
		all = append(all, attribute{binary.NativeEndian.Uint16(b[2:]), append([]byte{}, b[unix.SizeofRtAttr:size]...)})
		b = b[min(len(b), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
	return all
}

// decode reads an object from a record, where anything can stand.
func decode(raw json.RawMessage, headerSize int) (object, error) {
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("the value before cannot be read: %w", err)
	}
	return o, o.check(headerSize)
}

func (o object) check(headerSize int) error {
	size := len(o.Header)
	for _, a := range o.Attributes {
		size += unix.SizeofRtAttr + len(a.Data)
		if len(a.Data) > math.MaxUint16-unix.SizeofRtAttr {
			return fmt.Errorf("the value before is damaged: an attribute of %d bytes", len(a.Data))
		}
	}
	if len(o.Header) != headerSize || size > 1<<20 {
		return fmt.Errorf("the value before is damaged: a header of %d bytes and %d in all", len(o.Header), size)
	}
	return nil
}

// dumpObjects asks for all objects of a kind, of routes for those that the header and
// the attributes describe. What changed while the kernel told it is asked for again.
func dumpObjects(request uint16, header []byte, attributes ...byte) ([]object, error) {
	var answers []netlink.Message
	for range 5 {
		var err error
		if answers, err = exchange(request, netlink.Dump, append(slices.Clone(header), attributes...)); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(answers, func(m netlink.Message) bool { return m.Header.Flags&unix.NLM_F_DUMP_INTR != 0 }) {
			break
		}
	}
	var all []object
	for _, a := range answers {
		if len(a.Data) < len(header) {
			continue
		}
		all = append(all, object{a.Data[:len(header):len(header)], splitAttributes(a.Data[len(header):])})
	}
	return all, nil
}

// exchange sends one message and waits for the answer or the acknowledgement.
func exchange(request uint16, flags netlink.HeaderFlags, body []byte) ([]netlink.Message, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, fmt.Errorf("opening a NETLINK_ROUTE socket: %w", err)
	}
	defer c.Close()
	if flags&netlink.Dump != netlink.Dump {
		flags |= netlink.Acknowledge
	} else if request == unix.RTM_GETROUTE {
		_ = c.SetOption(netlink.GetStrictCheck, true) // since Linux 4.20; before, all routes are told
	}
	answers, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(request), Flags: netlink.Request | flags},
		Data:   body,
	})
	return answers, needs(err)
}

// index returns the number of an interface.
func index(device string) (uint32, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return 0, fmt.Errorf("there is no interface %s", device)
	}
	return uint32(i.Index), nil
}

// typeMask takes the flags off the type of an attribute (NLA_TYPE_MASK in
// include/uapi/linux/netlink.h).
const typeMask = 0x3fff
