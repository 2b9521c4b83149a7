"""What a pair has to pass before a model is trained on it: each filter says which pairs it drops, and why."""
