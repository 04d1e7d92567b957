"""Training: trains networks on shards, evaluates them, and names the cameras of single photographs."""
