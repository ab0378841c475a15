"""The node's local API, HTTP and JSON on loopback, the service behind it, and its client."""
