"""The decisions of inspections: pure; the time comes in as an argument."""
