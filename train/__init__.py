"""Training: shards in, a network, its evaluation and its answers for single photographs out."""
