"""What the payment provider tells us: believed only when signed, done once, always on record."""
