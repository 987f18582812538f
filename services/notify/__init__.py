"""Notify: who is told of what, by SMS and e-mail, and what became of each message (W10, W14)."""
