"""Conformance check: which guarantees hold for a trainer, found by training it."""

from hpsearch.trainers.conformance.candidate import Candidate
from hpsearch.trainers.conformance.check import check_trainer
from hpsearch.trainers.conformance.guarantees import describe_guarantees
from hpsearch.trainers.conformance.judging import Check, CheckResult

__all__ = ["Candidate", "Check", "CheckResult", "check_trainer", "describe_guarantees"]
