"""AcidTest judges backend services the way production would."""
