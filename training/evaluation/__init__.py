"""What a model, its retrieval and both together are worth, measured so that a sceptic would accept it."""
