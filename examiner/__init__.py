"""Examiner: one photograph in, evidence that a person can read, check and defend out."""

from examiner.examination import examine
from examiner.finding import Finding
from examiner.knowledge import read_corpus, read_run
from examiner.report.content import Report

__all__ = ["Finding", "Report", "examine", "read_corpus", "read_run"]
