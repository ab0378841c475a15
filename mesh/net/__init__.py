"""Nodes find and reach each other: beacons, TLS and WebSocket links, sealed datagrams, and the door for joiners."""
