"""See the wire: what really passes between a client and a server, recorded and drawn."""
