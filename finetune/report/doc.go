// Package report turns the plain records of a training or a study into a CSV
// file, plots and text for the terminal. It knows nothing of models: callers
// copy their figures into Epoch, Series, Line, Run, Study and Diagram.
//
//	[]Epoch ----------> WriteCSV       results.csv, a line an epoch
//	        ----------> Curves         PNG: loss and accuracy over the epochs
//	[]Series, []Line -> TransferCurve  PNG: accuracy over the number of frozen layers
//	        ----------> Terminal       the same curve in characters
//	Run, Study -------> Figures        PNG and SVG
//	Run, StudyPage ---> HTML           a page with all of them
//	Diagram ----------> SVG, HTML      a network: its boxes, and what reads what
//	Tiles ------------> PNG            filters, or the maps of an image
//
// # Absent values
//
// A value that was not measured is NaN: an empty field in the CSV, a gap in a
// curve. Infinite values are treated as absent by the plots, because a loss
// that overflowed has no place on an axis.
//
// # Look
//
// Colours are those of Okabe and Ito (2008), which stay apart for the common
// kinds of colour blindness; series also differ in their markers. Nothing
// covers the data: series are named above the plot, baselines at its right.
// Images have 192 dots an inch, twice the screen's. Equal records give equal
// bytes.
package report
