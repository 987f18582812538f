"""What everyone has agreed on: the events between services, the agreements between buyer and supplier."""
