package checklist

// Markdown escapes a text for CommonMark, so that it is shown as it is, on one line;
// nothing in it that controls a terminal is left.
func Markdown(text string) string { return markdown(text) }
