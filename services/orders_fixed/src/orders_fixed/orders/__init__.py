"""Orders: one of them, or page after page, with their items in two statements."""
