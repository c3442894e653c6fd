package record

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// appendNumber appends a number, also one that JSON does not know.
func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		b = append(b, `{"float":"`...)
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
		return append(b, `"}`...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendHardText(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendHardText appends text with characters that need care. The encoder of the
// standard library writes U+FFFD for bytes that are not UTF-8.
func appendHardText(b []byte, s string) []byte {
	quoted, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil {
		return append(b, `""`...) // text can always be written
	}
	return append(b, quoted...)
}

// plain turns what JSON holds into a fact: a number, text or a flag, nil for null.
// ok is false for anything else.
func plain(v any) (_ any, ok bool) {
	switch v := v.(type) {
	case nil, float64, string, bool:
		return v, true
	case map[string]any:
		text, _ := v["float"].(string)
		switch text {
		case "NaN":
			return math.NaN(), true
		case "+Inf":
			return math.Inf(1), true
		case "-Inf":
			return math.Inf(-1), true
		}
	}
	return nil, false
}
