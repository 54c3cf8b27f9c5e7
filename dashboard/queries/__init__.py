"""What the pages ask: pure functions from a run (`dashboard.source.Source`) and filters to frames. No Streamlit here.

One module a page. Whatever comes from a page or a URL is bound as a value or looked up in a list of names, never put
into the SQL.
"""
