"""Which documents were kept and dropped, and why; one of them in full."""

import streamlit as st

from dashboard import chrome
from dashboard.panels import documents_list, documents_one
from dashboard.workspace import DATASETS

here = chrome.begin(*DATASETS, what="curated run", command="curate run --input sample --root workspace", compare=True)
found = documents_list.listing(here.run)
if found is not None:
    asked = st.query_params.get("id")
    key = documents_list.show(found, asked)
    if key != asked and key is not None:
        st.query_params["id"] = key
    if key:
        documents_one.show(here, found, key)
    elif not found.rows.is_empty():
        st.caption("Choose a row, or press J for the first document.")
        documents_one.start(found)
