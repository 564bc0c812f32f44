"""Draws the built-in samples: what a lesson looks at until the real dataset is fetched."""
