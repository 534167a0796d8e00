"""The study's page: one HTML file that holds all it shows; knows plotly and jinja2."""

from hpsearch.report.page import write_report

__all__ = ["write_report"]
