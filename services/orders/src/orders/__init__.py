"""The orders service: accounts, tokens, orders, and what a client needs when networks fail."""
