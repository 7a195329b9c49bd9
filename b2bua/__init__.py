"""Call control: legs, rooms, the event bus. Knows SIP and media; knows nothing of HTTP or JSON."""
