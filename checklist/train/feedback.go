package train

import (
	"strconv"

	"whydrop/content"
)

// Area is one of the six things that are marked.
type Area string

// The areas.
const (
	Clarifying  Area = "clarifying"
	Measuring   Area = "measuring"
	Reasoning   Area = "reasoning"
	Concluding  Area = "conclusion"
	Planning    Area = "plan"
	Economizing Area = "economy"
)

// MostPoints are those of one area.
const MostPoints = 4

// What makes an incident done well: a share of all points, and points in each area.
const (
	wellDone = 0.7
	leastOf  = 2
)

// Points writes points as they are, in quarters; Signed does with their sign.
func Points(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Signed is the other half of Points.
func Signed(v float64) string {
	if v > 0 {
		return "+" + Points(v)
	}
	return Points(v)
}

// Feedback is how well a session went, and why.
type Feedback struct {
	Marks []Mark // of the six areas
	// Total is the sum of the marks, Of what it could be.
	Total, Of float64
	// Well says that the incident was done well: enough in all, and no area neglected.
	Well bool
	// Repeat says that the candidate had seen the end of the incident before.
	Repeat bool
	Steps  []StepReview
	Groups []GroupReview // the ten groups of the checklist
	// BeforeSuspicion and BeforeCommit are in how many of the groups 1 to 4 something was
	// asked before the first hypothesis (or the commit, if there was none) and before the
	// commit.
	BeforeSuspicion, BeforeCommit int
	WrongTurns                    []WrongTurn
	Overlooked                    []Overlooked
	Causes                        []CauseReview
	Plan                          []ChoiceReview
	// Missed are the best steps against a truth of which no right one was chosen, AlsoRight
	// the other right ones that were not chosen.
	Missed, AlsoRight []Choice
	Hints             int
	// Ideal is how many steps the ideal path takes.
	Ideal int
	// Checked says whether the candidate has judged their own words yet: until then
	// they count nothing.
	Checked bool
}

// Mark is the mark of one area with its reasons.
type Mark struct {
	Area    Area
	Points  float64 // 0 to MostPoints, in quarters
	Reasons []Reason
}

// Reason is a part of a mark: what it gave or cost, and for what.
type Reason struct {
	Points float64
	Says   string
	// SelfAssessed says that the candidate judged it.
	SelfAssessed bool
}

// StepReview is what one step was worth at its moment.
type StepReview struct {
	Event Event
	Title string
	// Says is the answer, "" for a measurement.
	Says string
	// Best is the title of the step that was expected to tell most then, "" if none
	// would have told clearly more.
	Best string
	// Told is what came of it: the belief in the truth before and after, in words.
	Told string
	// Wasted says that it was worth nearly nothing then, Why says why.
	Wasted bool
	Why    string
}

// GroupReview is how a group of the checklist was covered.
type GroupReview struct {
	Group *content.Group
	Asked []string // questions
	First int      // the step of the first, from 1; 0 for none
	// Telling says that an answer of the group pointed to the truth.
	Telling bool
	// Mark is 0 to 1: 1 for a group that was asked about as far as it was worth.
	Mark float64
}

// Overlooked is evidence that the candidate did not look at.
type Overlooked struct {
	Cause  *content.Cause
	Probes []string // that would have shown it
	Says   string
	Weight content.Decibans
}

// CauseReview is how one cause of the conclusion, or one that is missing from it,
// stands to the truth.
type CauseReview struct {
	Cause   *content.Cause // nil for "nothing is wrong"
	Named   bool           // the candidate named it
	Right   bool           // it is at work, or as right given the story
	Founded bool           // what the candidate knew names it
	// BorneOut says that what the candidate measured speaks for it, and that nothing was
	// likelier, where that does not name it yet.
	BorneOut bool
	Why      string
}

// ChoiceReview is a plan step that was chosen.
type ChoiceReview struct {
	Choice Choice
	Why    string // why it is right, or what is wrong with it
}
