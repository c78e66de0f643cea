"""The web door over real sockets, without a browser."""
