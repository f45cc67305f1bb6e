"""How well a detector does on labelled texts, as figures, as JSON and as a page."""
