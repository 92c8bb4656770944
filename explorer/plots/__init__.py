"""Numbers in, plotly figure out."""
