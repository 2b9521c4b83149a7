"""The model that writes training data: what it is asked, what its replies cost, and what they are good for."""
