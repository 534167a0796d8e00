"""The study's page: one self-contained HTML file, made with plotly and jinja2."""

from hpsearch.report.page import write_report

__all__ = ["write_report"]
