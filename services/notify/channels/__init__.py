"""The ways out: SMS through a gateway in Kannel's form, e-mail by SMTP, and their twins in memory."""
