"""A forward and a generator of our own for the Llama family, over the weights of a loaded Transformers model."""
