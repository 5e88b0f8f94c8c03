"""Published JSON Schemas of what AcidTest writes; generated, and tested to be current."""
