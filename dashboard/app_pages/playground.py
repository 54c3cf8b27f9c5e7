"""One prompt to one model or two, with how likely every token was."""

from dashboard.panels import playground

playground.show()
