"""The words every part of AcidTest shares: verdicts, evidence, events, score, errors."""
