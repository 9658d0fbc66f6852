"""Charts: what is in one (`chart`), its axis (`scale`), and two ways to draw it: `svg` for pages, `plotly` to look closer."""
