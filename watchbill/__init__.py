"""The command line of Watchbill, and what puts the services together on one machine."""
