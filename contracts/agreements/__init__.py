"""The agreements between buyer and supplier: their schema, and one folder of data per agreement."""
