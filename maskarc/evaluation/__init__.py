"""How good embeddings are: verification, identification, and pictures of both."""
