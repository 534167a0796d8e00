"""What a run shows on a terminal or in a notebook, and how it is stopped."""
