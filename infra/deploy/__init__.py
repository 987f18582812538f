"""How Watchbill is deployed, and the files that are made from its code."""
