"""The room of periodic work: windows of the plan, check-lists, evidence, and what was missed (W4)."""
