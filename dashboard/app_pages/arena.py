"""Which answer is better, asked blindly; and the board that the votes make."""

import streamlit as st

from dashboard import cards, chrome
from dashboard.panels import arena_board, arena_vote

here = chrome.begin(
    "arena",
    what="arena",
    command="evalkit arena pairs --outputs a.json --outputs b.json -n 300 --out workspace/arena",
)
rater = chrome.rater()
vote, board = st.tabs(["Vote", "Board"], key="atab", bind="query-params")
if vote.open:
    with vote, cards.guarded():
        arena_vote.show(here.run, rater)
if board.open:
    with board, cards.guarded():
        arena_board.show(here.run, rater)
