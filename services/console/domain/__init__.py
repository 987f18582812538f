"""What is kept of letters and spans, and what is told from them. Pure."""
