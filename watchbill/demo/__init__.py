"""The demo: seven stations live through a month, on the real broker, database, TCP, HTTP, SMTP and SMS form."""
