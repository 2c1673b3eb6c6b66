"""Hand-overs: the steps from one generation to the next, the way back, and what is carried over."""
