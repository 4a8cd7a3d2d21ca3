"""Model card, bill of materials and hub: what others are told about a model version, made from its records alone."""
