"""What this room decides, and nothing else: the door for whoever only wants the sums (the command line, a test)."""

from services.scoring.explain import explain_line, explain_settlement
from services.scoring.month import Frame, MonthScore, score_month, score_site
from services.scoring.recorded import Recorded, read_recorded
from services.scoring.tree import Branch, text_of

__all__ = [
    "Branch",
    "Frame",
    "MonthScore",
    "Recorded",
    "explain_line",
    "explain_settlement",
    "read_recorded",
    "score_month",
    "score_site",
    "text_of",
]
