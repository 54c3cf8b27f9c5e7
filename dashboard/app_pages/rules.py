"""What each rule drops, and what another threshold would keep."""

import streamlit as st

from curate import tokens
from dashboard import cards, chrome, texts
from dashboard.ask import ask, source_of
from dashboard.panels import rules_list, rules_others, rules_preview
from dashboard.queries import rules
from dashboard.workspace import DATASETS

here = chrome.begin(*DATASETS, what="curated run", command="curate run --input sample --root workspace", compare=True)
with cards.guarded():
    told = ask(rules.told, here.run).value
    counted = tokens.label(told.counter)
    rule = rules_list.choose(here, told.profile, counted)
    st.header(texts.label(rule.id), anchor=False)
    texts.line(rule.why or "The profile does not say why.", soft=True)
    if source_of(here.run).has("measures"):
        rules_preview.panel(here.run, told.profile, rule, counted)
    else:
        cards.problem(
            "This run has no measures, so that no other threshold can be tried.",
            "open the run that it was made from; an old run is made again with curate run",
        )
        for parent in here.run.parents:
            chrome.link("rules", f"Open {parent}", run=parent, rule=rule.id)
    rules_others.panel(here.run, told.profile, rule, counted)
