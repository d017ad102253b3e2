"""Fair, explainable and adaptive mixtures of experts for streams."""
