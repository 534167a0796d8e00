"""The study's page, one self-contained HTML file, and the pictures of trials.

Nothing is imported here: plotly and matplotlib take a second.
"""
