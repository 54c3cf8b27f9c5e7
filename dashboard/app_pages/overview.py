"""Is it healthy, and where did the tokens go?"""

import polars as pl

from dashboard import chrome
from dashboard.ask import ask
from dashboard.charts import draw
from dashboard.queries import overview
from dashboard.tables import table
from dashboard.workspace import DATASETS

here = chrome.begin(*DATASETS, what="curated run", command="curate run --input sample --root workspace", compare=True)
steps = ask(overview.steps, here.run)
table(steps.value, alt="documents and tokens of each step", key="steps")
draw.vega(
    steps.value.filter(pl.col("tokens") > 0),
    {
        "mark": "bar",
        "encoding": {
            "x": {"field": "tokens", "type": "quantitative"},
            "y": {"field": "step"},
            "color": {"field": "state"},
        },
    },
    alt="tokens by step",
    key="waterfall",
    sql=steps.sql,
)
