package plain

// openShell opens a shell on the sick host.
func (t *seat) openShell() bool {
	if t.o.Shell == nil {
		t.pen.say("There is no shell: this host was recorded. whydrop train --live makes one that is there.")
		return false
	}
	_ = t.pen.flush() // an error comes up with the next prompt
	if err := t.o.Shell(t.ctx); err != nil {
		t.pen.say(sentence(err.Error()))
	}
	return true
}

// lookFixed tells whether the host is mended.
func (t *seat) lookFixed() bool {
	if t.o.Fixed == nil {
		t.pen.say("A recorded host cannot be mended.")
		return false
	}
	_ = t.pen.flush() // an error comes up with the next prompt
	says, err := t.o.Fixed(t.ctx)
	if err != nil {
		says = append(says, err.Error())
	}
	for _, s := range says {
		t.pen.say(sentence(s))
	}
	return true
}

// mendAfterwards lets the candidate carry out the plan on the sick host, and looks
// whether it is mended, until an empty line.
func (t *seat) mendAfterwards() {
	if t.o.Fixed == nil || t.left {
		return
	}
	t.pen.say("Now mend it: shell opens a shell on the host, fixed looks whether it is mended, an empty line goes on to the review.")
	for {
		text, ok := t.read("Mend")
		switch {
		case !ok || text == "":
			return
		case text == "shell":
			t.openShell()
		case text == "fixed":
			t.lookFixed()
		default:
			t.pen.say("shell, fixed, or an empty line.")
		}
	}
}
