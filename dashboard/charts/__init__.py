"""Pictures of the pages, as Vega-Lite or ECharts specifications over small frames that queries have summed up."""
