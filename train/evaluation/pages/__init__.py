"""Pages: the figures and plots of an evaluation as HTML and SVG."""
