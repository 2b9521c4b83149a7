"""From labelled questions to thresholds: what is replied to, how often rightly, and how certain that is."""
