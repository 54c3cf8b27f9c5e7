"""Which answer is better, asked blindly; and the board that the votes make."""

from dashboard import chrome
from dashboard.panels import arena_board, arena_vote

here = chrome.begin(
    "arena",
    what="arena",
    command="evalkit arena pairs --outputs a.json --outputs b.json -n 300 --out workspace/arena",
)
rater = chrome.rater()
chrome.parts(
    {"Vote": lambda: arena_vote.show(here.run, rater), "Board": lambda: arena_board.show(here.run, rater)}, "atab"
)
