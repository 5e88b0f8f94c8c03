"""Sales figures of products: computed once, kept in Redis for everybody, never an error kept."""
