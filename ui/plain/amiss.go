package plain

// tellAmiss tells what is amiss with the connection to the host: only the newest of
// what came since the last line.
func (s *session) tellAmiss() {
	select {
	case text := <-s.Amiss:
		s.news.stale = text != ""
		if text == "" {
			text = "it is there again"
		}
		s.pen.say("The connection: " + sentence(text))
	default:
	}
}
