"""Audio: bridges, ports, recording, analysis. Knows PCM; knows nothing of SIP, HTTP or JSON."""
