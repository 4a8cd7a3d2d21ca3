"""A trained model in forms that other programs read, and the proof that each form is the trained model."""
