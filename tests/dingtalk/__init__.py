"""The DingTalk door, over real sockets."""
