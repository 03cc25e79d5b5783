"""The next minutes of many series at once, and the probability that they leave their bounds."""
