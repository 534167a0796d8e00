"""The public Python interface: run studies, and read them."""
