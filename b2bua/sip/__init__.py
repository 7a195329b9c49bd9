"""The SIP engine: pjsua2 on one thread of its own, commands in, plain data out."""
