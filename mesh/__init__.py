"""The render mesh: peers that find each other, share frames and lose no work."""

__version__ = "0.1.0"
