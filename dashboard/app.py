"""The entry script: who may come in, the pages, their titles. Streamlit runs it from the top for every change."""

from pathlib import Path

import streamlit as st

from dashboard import cards, security, texts
from dashboard.settings import current

PAGES = (
    ("overview", "Overview", ":material/monitoring:", "Where the tokens went, how healthy runs are, what is running"),
    ("rules", "Rules", ":material/tune:", "Every rule's histogram, and what another threshold would keep"),
    ("documents", "Documents", ":material/article:", "Kept and dropped documents, and why"),
    ("overlap", "Overlap", ":material/join_inner:", "Duplicates and contamination, side by side"),
    ("training", "Training", ":material/show_chart:", "Curves, samples, rollouts, scaling"),
    ("evals", "Evals", ":material/fact_check:", "Scores with intervals, two models item by item"),
    ("arena", "Arena", ":material/how_to_vote:", "Blind votes and the board"),
    ("lineage", "Lineage", ":material/account_tree:", "From a record to a score and back; cards, reports, schedules"),
    ("playground", "Playground", ":material/chat:", "Chat with one model, or two side by side"),
)

st.set_page_config(page_title="Winnow", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
if current().login and not st.user.is_logged_in:
    st.title("Winnow")
    st.button("Log in", on_click=st.login, type="primary")
    st.stop()

if current().login and not security.may_enter(st.user.to_dict(), current().allow):
    st.title("Winnow")
    cards.problem("This account may not look at these runs.", "ask who runs the dashboard for `--allow`")
    st.button("Log out", on_click=st.logout)
    st.stop()

page = st.navigation(
    [
        st.Page(f"app_pages/{name}.py", title=title, icon=icon, default=name == "overview", url_path=name)
        for name, title, icon, _ in PAGES
    ],
    position="top",
)
texts.style()
about = next(help for _, title, _, help in PAGES if title == page.title)
st.title(page.title, anchor=False)
st.caption(about + (" · demo data, made of invented pages" if current().demo else ""))
with cards.guarded():
    page.run()
