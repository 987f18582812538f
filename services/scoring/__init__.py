"""The scoring room: what was heard becomes indicators, a score sheet, and the month's payment (W3, W18)."""
