// Command lint runs the function-length limit of this repository.
package main

import (
	"github.com/ultraware/funlen"
	"golang.org/x/tools/go/analysis/singlechecker"
)

// No function has more than 100 lines or 60 statements, comments not counted.
func main() { singlechecker.Main(funlen.NewAnalyzer(100, 60, true)) }
